"""Promoting a candidate: once every canary rule passes, its traffic came as declared, and nothing holds it."""

from collections.abc import Sequence

import numpy as np

from operators.policy.rules import ReleaseRule
from operators.release.first_served import first_served
from operators.release.machine import end, let_serve, restart
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.phase_states import Promoted
from operators.release.rollback import share_of
from operators.release.state import ReleaseState
from operators.stats.sample_ratio import TrafficSplit
from operators.wire.control import ControlEvent, Evidence, Severity
from operators.wire.mirrored import is_mirrored, original

SPLIT = "traffic-split"  # The check of the traffic split, where events name a rule.


def check_split(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Compare the traffic of the arms with the declared shares; a mismatch alerts, and holds while it lasts.

    Traffic counts after the pane in which the candidate first serves its declared share, which is partly of the old
    share, and after the policy's `warm_up`, in which gateways take the share over.
    """
    events = []
    for release in model.releases.values():
        split, candidate = release.split, at.requests.get(release.candidate, 0)
        if split is None:
            continue
        if split.begins is None and candidate:
            split.begins = at.pane + max(at.policy.releases.warm_up_ms // at.policy.pane_ms, 1)
        if split.begins is None or at.pane < split.begins:
            continue
        was = split.unhealthy
        p_value = split.step(np.array([candidate, sum(at.requests.values()) - candidate]))
        if split.unhealthy != was:
            events += _split_events(model, at, release, split, p_value)
    return events


def _split_events(
    model: Model, at: PaneContext, release: ReleaseState, split: TrafficSplit, p_value: float
) -> list[ControlEvent]:
    """Write the event that the traffic of a release does not come as declared, or that it does again."""
    n, share = int(split.counts.sum()), float(split.shares[0])
    evidence = Evidence(p_value=p_value, n=n, value=int(split.counts[0]) / n, threshold=share)
    reason = "requests arrive in other shares than were declared: the arms may not be comparable"
    fields: dict[str, object] = {"runbook": "infra/runbooks/traffic-split.md", "evidence": evidence}
    severity: Severity = "ticket"
    if not split.unhealthy:
        reason, severity = "requests arrive in the declared shares again", "info"
        fields |= {"state": "resolved"}
    fields |= {"reason": reason}
    return [
        model.say("alert", at, release.candidate, SPLIT, severity, release, **fields),
        model.say("hold", at, release.candidate, SPLIT, "info", release, **fields),
    ]


def promote(model: Model, at: PaneContext, findings: Sequence[CanaryFinding]) -> list[ControlEvent]:
    """Promote each candidate that every canary rule passes and nothing holds."""
    events = []
    rules = {rule.name for rule in at.policy.rules if isinstance(rule, ReleaseRule)}
    for release in list(model.releases.values()):
        passed = [finding for finding in findings if finding.candidate == release.candidate and finding.word == "OK"]
        if not rules or {finding.rule.name for finding in passed} != rules or _is_held(model, at, release):
            continue
        kind = let_serve(model, release, _going_on(model, at, release))
        if isinstance(release.state, Promoted):
            release.state.first_served = {each.rule.name: first_served(at, each) for each in passed}
        last = passed[-1]
        fields = {"evidence": last.evidence, "runbook": last.rule.runbook}
        if is_mirrored(release.candidate):
            reason = (
                f"{original(release.candidate)} passes {last.rule.name} on copies of requests; it serves nobody yet"
            )
            events.append(
                model.say("alert", at, release.candidate, "release", "info", release, reason=reason, **fields)
            )
            continue
        _succeed(model, at, release)
        events.append(model.say(kind, at, release.candidate, last.rule.name, "info", release, **fields))
    return events


def _is_held(model: Model, at: PaneContext, release: ReleaseState) -> bool:
    return (
        release.phase != "rolling_out"
        or release.since > at.pane  # The rules' findings are from before it began anew.
        or bool(release.holds)
        or (release.split is not None and release.split.unhealthy)
        or at.ts < model.cooled
        or model.alone not in (None, release.candidate)
        or any(version == release.candidate for _, version in model.bad)
    )


def _going_on(model: Model, at: PaneContext, release: ReleaseState) -> dict[str, float]:
    """Return the shares of other versions whose releases go on: as declared, else those of the last minutes."""
    declared = {
        name: other.declared.traffic_share if other.declared is not None else None
        for name, other in model.releases.items()
        if other is not release and other.phase in ("rolling_out", "overridden") and not is_mirrored(name)
    }
    return {name: share or share_of(model, at, name) for name, share in declared.items()}


def _succeed(model: Model, at: PaneContext, release: ReleaseState) -> None:
    """Let a promoted version take its baseline's place, also as the baseline of discovered candidates."""
    if model.phase_of(release.baseline) == "promoted":
        end(model, release.baseline)
    for other in model.releases.values():
        if other.phase == "rolling_out" and other.baseline == release.baseline and other.declared is None:
            other.baseline = release.candidate
            restart(model, at, other, at.pane + 1)
