"""Which releases there are: declared by commands, or seen because a new version serves."""

from operators.control import ControlEvent, Release
from operators.release.history import BUCKETS, Served, bucket_of, busiest
from operators.release.model import At, Model
from operators.release.trial import Trial
from operators.rules import Canary
from operators.verdict.traffic_split import TrafficSplit
from operators.window.partial import OTHER


def note_traffic(model: Model, at: At) -> None:
    """Remember what each version served in the pane, and forget versions that have not served for long."""
    bucket = bucket_of(at.pane, at.policy.pane_ms)
    for version, requests in at.requests.items():
        served = model.served.get(version)
        if served is None:
            served = model.served[version] = Served(first=at.pane, last=at.pane)
        slis = at.slis(version, "*")
        if slis is not None:
            served.add(at.pane, bucket, requests, slis)
    if any(at.requests.values()) and model.began is None:
        model.began = at.pane
    known_panes = at.policy.releases.known_ms // at.policy.pane_ms
    for version in [name for name, each in model.served.items() if at.pane - each.last > known_panes]:
        del model.served[version]
        model.trials.pop(version, None)


def discover(model: Model, at: At) -> None:
    """Begin a release for every version that is new.

    Those first seen within the policy's `settle` of the model's first request are old: the one with the most requests
    is the baseline of the others.
    """
    if model.began is None:
        return
    if not model.settled:
        if (at.pane - model.began) * at.policy.pane_ms < at.policy.releases.settle_ms:
            return
        model.settled = True
        first = busiest(model.served, frozenset(), 0)
        new = [name for name in sorted(model.served) if name != first]
    else:
        new = [name for name, served in sorted(model.served.items()) if served.first == at.pane]
    declared = {trial.baseline for trial in model.trials.values()}
    for version in new:
        if version not in (OTHER, *declared, *model.trials):
            baseline = _baseline(model, at, version)
            if baseline is not None:
                begin(model, at, Trial(candidate=version, baseline=baseline, since=at.pane))


def _baseline(model: Model, at: At, candidate: str) -> str | None:
    """The version with the most traffic before; another candidate only if nothing else served lately."""
    lately = bucket_of(at.pane, at.policy.pane_ms) - BUCKETS
    never = {candidate, OTHER} | {name for name, trial in model.trials.items() if trial.withdrawn}
    candidates = {name for name, trial in model.trials.items() if trial.phase == "rolling_out"}
    first = busiest(model.served, frozenset(never | candidates), lately)
    return first or busiest(model.served, frozenset(never), lately)


def begin(model: Model, at: At, trial: Trial) -> None:
    """Put a candidate on trial, in place of an earlier trial of the same version."""
    if trial.candidate in model.overridden:
        trial.phase = "overridden"
    model.move(trial, "released")
    model.trials[trial.candidate] = trial
    restart(model, at, trial)


def restart(model: Model, at: At, trial: Trial) -> None:
    """Compare anew from the next pane on: what was found before does not stand."""
    trial.since = at.pane
    for rule in at.policy.rules:
        if isinstance(rule, Canary):
            model.bad.pop((rule.name, trial.candidate), None)


def declare(model: Model, at: At, release: Release) -> list[ControlEvent]:
    """Take a release command: it declares a release, or describes one that was seen already."""
    known = model.trials.get(release.candidate)
    if known is not None and known.release is None and known.baseline == release.baseline and not known.withdrawn:
        known.release, known.split = release, _split(release)
        return []
    trial = Trial(
        candidate=release.candidate,
        baseline=release.baseline,
        since=at.pane,
        release=release,
        split=_split(release),
    )
    begin(model, at, trial)
    if model.speaker.pin in (None, release.candidate):
        return []
    # Traffic that is held on one version could never reach the new one.
    pin, model.speaker.pin = model.speaker.pin, None
    reason = f"the release of {release.candidate} lifts the pin on {pin}"
    return [model.say("alert", at, release.candidate, "release", "info", trial, reason=reason)]


def _split(release: Release) -> TrafficSplit | None:
    share = release.traffic_share
    return None if share is None else TrafficSplit((share, 1.0 - share))
