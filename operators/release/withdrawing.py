"""Withdrawing a candidate: to which version, unless its harm has a cause that it shares; at most once a release."""

import msgspec

from operators.control import Affected, ControlEvent, ControlType, Severity
from operators.release.discovery import restart
from operators.release.history import RECENT, Counted, bad_ratio, bucket_of, has_degraded
from operators.release.model import At, Model
from operators.release.producers import why_doubted
from operators.release.trial import Cause, Hold, Trial
from operators.release.weighing import give_back
from operators.rules import Action, AnyRule, BurnRate, Threshold
from operators.window.partial import OTHER

Slices = tuple[Affected, ...]  # Never empty, worst first.


def withdraw(model: Model, at: At, trial: Trial, rule: AnyRule, action: Action, slices: Slices) -> list[ControlEvent]:
    """Roll back or kill, or say why not."""
    # One more version that is kept out beside those that serve well moves no pin.
    moves = not (model.beside and model.speaker.pin == trial.baseline)
    if at.ts < model.cooled and moves:
        # Nothing is said: what was said before stands.
        trial.holds[rule.name] = trial.held.get(rule.name, "cool-down")
        return []
    if _is_shared(model, at, trial, slices):
        reason = f"{trial.baseline} has become worse as well: the cause is shared, a rollback would not help"
        return hold(model, at, trial, rule, "shared cause", reason, slices)
    doubt = why_doubted(at, trial, slices[0].evidence)
    if doubt is not None:
        return hold(model, at, trial, rule, "one producer", doubt, slices)
    why = None if action == "kill" else unfit(model, at, trial)
    if why is not None and rule.fallback == "hold":
        return hold(model, at, trial, rule, "unpinnable", why, slices)
    killed = action == "kill" or why is not None
    evidence = slices[0].evidence
    trial.detected = at.ts
    trial.onset = evidence.since
    trial.cause = _cause(at, rule, slices)
    trial.share = share_of(model, at, trial.candidate)
    kind = model.move(trial, "stopped" if killed else "harmful")
    lifts = killed and model.speaker.pin == trial.candidate
    if not killed:
        model.pin_to(trial.baseline, beside=serves_beside(model, at, trial))
    elif lifts:
        model.unpin()
    give_back(model, trial.candidate)
    model.cooled = at.ts + at.policy.releases.cooldown_ms
    severity: Severity = "page" if why else rule.severity
    fields = {"reason": why or "", "slices": slices, "evidence": evidence, "runbook": rule.runbook}
    return [model.say(kind, at, trial.candidate, rule.name, severity, trial, lifts=lifts, **fields)]


def hold(
    model: Model, at: At, trial: Trial, rule: AnyRule, how: Hold, reason: str, slices: Slices
) -> list[ControlEvent]:
    """Hold the promotion for as long as this is called at every pane; say so when it begins."""
    trial.holds[rule.name] = how
    trial.throttled |= how == "throttle"
    if trial.held.get(rule.name) == how:
        return []
    # Of a plain hold people hear by the alert that the verdict makes.
    severity: Severity = "page" if how in ("unpinnable", "shared cause", "one producer") else "info"
    kind: ControlType = "throttle" if how == "throttle" else "hold"
    fields = {"reason": reason, "slices": slices, "evidence": slices[0].evidence, "runbook": rule.runbook}
    return [model.say(kind, at, trial.candidate, rule.name, severity, trial, **fields)]


def end_shared(model: Model, at: At) -> None:
    """Where a baseline has recovered, compare anew: what was found while both suffered says little of the candidate."""
    for trial in model.trials.values():
        baseline = model.served.get(trial.baseline)
        for sli, before in list(trial.shared.items()) if trial.judged else ():
            now = (0, 0) if baseline is None else baseline.counts(sli, since=_recently(at))
            if sum(now) and not has_degraded(before, now):
                del trial.shared[sli]
                restart(model, at, trial, at.pane + 1)


def _is_shared(model: Model, at: At, trial: Trial, slices: Slices) -> bool:
    """Tell whether the baseline degrades as well, which explains at least half of the candidate's harm.

    Degrading: with b the ratio of bad events of the baseline, all traffic, in the hour before the harm began, and b',
    c' those of both versions since then, b' > b surely, and b' - b >= c' - b'. Where only slices are BAD, c' - b' is
    the difference found in the worst of them. Once that is so, b stays what it was until the baseline has recovered: a
    long outage does not become the norm. A rule without an SLI has no such ratio: its cause counts as the candidate's
    own.
    """
    evidence = slices[0].evidence
    name, onset = evidence.sli, evidence.since
    candidate, baseline = model.served.get(trial.candidate), model.served.get(trial.baseline)
    if name is None or candidate is None or baseline is None:
        return False
    sli = _index(at, name)
    began = _recently(at) if onset is None else bucket_of(onset // at.policy.pane_ms, at.policy.pane_ms)
    before: Counted = trial.shared.get(sli) or baseline.counts(sli, before=began)
    after = baseline.counts(sli, since=began)
    if not has_degraded(before, after):
        return False
    harm = bad_ratio(candidate.counts(sli, since=began)) - bad_ratio(after)
    if evidence.candidate is not None and all(each.slice != "*" for each in slices):
        harm = evidence.value or 0.0
    if bad_ratio(after) - bad_ratio(before) < harm:
        return False
    trial.shared[sli] = before
    return True


def unfit(model: Model, at: At, trial: Trial) -> str | None:
    """Return why the baseline is no version to go back to, None if it is one.

    Unfit: not known, which is that it has had no request within the policy's `known`; rolled back or killed itself, and
    no override lets it run; or BAD on all traffic by a rule that pages or acts. A leak that only makes a ticket is no
    reason to leave users with what is worse still.
    """
    baseline = trial.baseline
    if baseline not in model.served or baseline == OTHER:
        return f"{baseline} is not known: it has not served within {at.policy.releases.known_ms / 3_600_000:g} h"
    other = model.trials.get(baseline)
    if other is not None and other.withdrawn:
        return f"{baseline} was withdrawn itself"
    rule = why_bad(model, at, baseline)
    return None if rule is None else f"{baseline} is BAD itself, by {rule}"


def why_bad(model: Model, at: At, version: str) -> str | None:
    """Return a rule that pages or acts, and finds a version BAD on all traffic; None if none does."""
    grave = {rule.name for rule in at.policy.rules if rule.severity == "page" or rule.action != "alert"}
    for (rule, bad), slices in model.bad.items():
        whole = [each for each in slices.values() if each.series.text == "*"]
        if bad == version and whole and (rule in grave or any(each.severity == "page" for each in whole)):
            return rule
    return None


def serves_beside(model: Model, at: At, trial: Trial) -> bool:
    """Tell whether others than a candidate and its baseline are on trial, or serve, and nothing grave is known of them.

    Then a rollback keeps the candidate out, and leaves them what they have.
    """
    for name, other in model.trials.items():
        if name in (trial.candidate, trial.baseline) or other.withdrawn or why_bad(model, at, name) is not None:
            continue
        if other.phase == "rolling_out" or share_of(model, at, name):
            return True
    return bool(model.overridden - {trial.candidate, trial.baseline})


def _cause(at: At, rule: AnyRule, slices: Slices) -> Cause:
    """Keep why a candidate is withdrawn, and how low the bad ratio must come: half-way back to the better arm."""
    evidence = slices[0].evidence
    sli = None if evidence.sli is None else _index(at, evidence.sli)
    cause = Cause(rule=rule.name, runbook=rule.runbook, slices=slices, evidence=evidence, sli=sli)
    candidate, baseline = evidence.candidate, evidence.baseline
    if candidate is not None and baseline is not None:
        harm, well = _inner((candidate.good, candidate.bad)), _inner((baseline.good, baseline.bad))
    elif isinstance(rule, Threshold | BurnRate) and evidence.good is not None and evidence.bad is not None:
        harm, well = _inner((evidence.good, evidence.bad)), 1.0 - rule.target
    else:
        return cause
    if well >= harm:
        return cause
    return msgspec.structs.replace(cause, bad_max=(harm + well) / 2, bad_well=well)


def _inner(counted: Counted) -> float:
    """Return the ratio of bad events, kept off 0 and 1."""
    return (counted[1] + 0.5) / (sum(counted) + 1)


def share_of(model: Model, at: At, version: str) -> float:
    """Return a version's share of requests in the last minutes."""
    recently = _recently(at)
    total = sum(served.requests(recently) for served in model.served.values())
    served = model.served.get(version)
    return served.requests(recently) / total if served is not None and total else 0.0


def _recently(at: At) -> int:
    return bucket_of(at.pane, at.policy.pane_ms) - RECENT + 1


def _index(at: At, name: str) -> int:
    return [sli.name for sli in at.policy.slis].index(name)
