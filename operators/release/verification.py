"""After a rollback: has the traffic moved, and are users well again? If not by the deadline, somebody is woken."""

import math

import numpy as np

from operators.release.model import Model, PaneContext
from operators.release.refuge import harms
from operators.release.state import Cause, ReleaseState
from operators.stats.binomial import upper_bound
from operators.stats.recovery_test import Health
from operators.stats.traffic_gone import Gone
from operators.window.partial import BAD, GOOD
from operators.wire.control import ControlEvent, ControlType, Evidence, Severity

ALPHA = 0.05  # The chance that what serves now is ever wrongly called well, or that a page is left out.


def follow_up(model: Model, at: PaneContext) -> list[ControlEvent]:
    """See what became of every version that was withdrawn."""
    events: list[ControlEvent] = []
    for trial in model.trials.values():
        if trial.phase in ("rolled_back", "ineffective") and trial.applied is None:
            events += _look_at_traffic(model, at, trial)
        events += _look_at_users(model, at, trial)
        if trial.phase in ("rolled_back", "verifying"):
            events += _look_at_deadline(model, at, trial)
    return events


def _look_at_traffic(model: Model, at: PaneContext, trial: ReleaseState) -> list[ControlEvent]:
    """The traffic has moved when the candidate's share is surely at most what is allowed, however long that takes."""
    came, total = at.requests.get(trial.candidate, 0), sum(at.requests.values())
    if trial.detected is None or at.ts <= trial.detected or not total:
        return []  # This pane was over before anybody could know, or it says nothing.
    allowed = allowed_share(at, trial)
    before = trial.gone or Gone()
    gone = trial.gone = before.step(came, total, allowed, at.ts - at.policy.pane_ms)
    if gone.since != before.since:
        trial.health = None  # Who serves since then is another one, or has another load.
    # A candidate that had no traffic lately has none to lose.
    if gone.since is None or (trial.share and not gone.sure):
        return []
    kind = model.move(trial, "applied")
    trial.applied = max(gone.since, trial.detected)
    trial.excess, trial.loose = None, False
    evidence = Evidence(n=gone.total, value=gone.requests / gone.total, threshold=allowed, log_e=gone.log_e)
    return [_said(model, at, trial, kind, evidence, "info")]


def allowed_share(at: PaneContext, trial: ReleaseState) -> float:
    """Return the share that a withdrawn candidate may keep: the policy's, but no more than half of what it had."""
    allowed = at.policy.releases.applied_share
    return min(allowed, trial.share / 2) if trial.share else allowed


def _look_at_users(model: Model, at: PaneContext, trial: ReleaseState) -> list[ControlEvent]:
    """The users are well when the bad ratio of what serves now is surely nearer to the better arm's.

    Where the rule had no SLI: when the rule does not call what serves now BAD, for as long as its proof took.
    """
    cause, left = trial.cause, trial.gone is not None and trial.gone.since is not None
    if cause is None or not left or trial.phase not in ("rolled_back", "verifying", "ineffective"):
        return []
    heirs = [model.speaker.pin] if model.speaker.pin else [name for name in at.requests if name != trial.candidate]
    _count(at, trial, cause, heirs)
    if trial.applied is None or any(_is_ill(model, at, cause, version) for version in heirs):
        return []
    if trial.health is not None:
        if trial.health.log_e < -math.log(ALPHA):
            return []
        evidence = _health(cause, trial.health)
    else:
        if at.ts < trial.applied + (cause.evidence.window_ms or 0) or not any(at.requests.get(name) for name in heirs):
            return []
        evidence = Evidence(measure=cause.evidence.measure, reason=_well(cause))
    kind = model.move(trial, "well")
    trial.recovered = at.ts
    return [_said(model, at, trial, kind, evidence, "info")]


def _is_ill(model: Model, at: PaneContext, cause: Cause, version: str) -> bool:
    """Tell whether the rule calls what serves now BAD; where somebody took the version out, any rule that matters."""
    if cause.by_hand:
        return harms(model, at, version) is not None
    return (cause.rule, version) in model.bad


def _well(cause: Cause) -> str:
    return "no rule that pages or acts is BAD" if cause.by_hand else f"{cause.rule} is not BAD"


def _count(at: PaneContext, trial: ReleaseState, cause: Cause, heirs: list[str]) -> None:
    if cause.sli is None or cause.bad_max is None or cause.bad_well is None:
        return
    found = [slis[cause.sli] for name in heirs if (slis := at.slis(name, cause.slices[0].slice)) is not None]
    good, bad = sum(int(each[GOOD]) for each in found), sum(int(each[BAD]) for each in found)
    trial.health = (trial.health or Health()).step(good, bad, cause.bad_max, cause.bad_well)


def _health(cause: Cause, health: Health) -> Evidence:
    n = health.good + health.bad
    return Evidence(
        sli=cause.evidence.sli,
        good=health.good,
        bad=health.bad,
        value=health.bad / n if n else None,
        threshold=cause.bad_max,
        log_e=health.log_e,
    )


def _look_at_deadline(model: Model, at: PaneContext, trial: ReleaseState) -> list[ControlEvent]:
    if trial.detected is None or trial.cause is None or at.ts < trial.detected + at.policy.releases.deadline_ms:
        return []
    kind = model.move(trial, "overdue")
    if trial.applied is None:
        evidence, severity, reason = _unsure(at, trial)
        # Once it is surely seen to serve people hear of it.
        trial.loose, trial.excess = True, None
        return [_said(model, at, trial, kind, evidence, severity, reason)]
    evidence = _health(trial.cause, trial.health) if trial.health is not None else Evidence()
    if evidence.value is not None and evidence.value <= (evidence.threshold or 0.0):
        reason = "the traffic has moved; too few requests to tell whether its users are well"
        return [_said(model, at, trial, kind, evidence, "ticket", reason)]
    return [_said(model, at, trial, kind, evidence, "page", "the traffic has moved, but its users are not well")]


def _unsure(at: PaneContext, trial: ReleaseState) -> tuple[Evidence, Severity, str]:
    """Say of a candidate at the deadline what is known of its traffic.

    It is a page unless its share is surely less than half of what it was: none of n requests has a chance of at most
    ALPHA then. So who ignores a rollback is paged for, whatever the share.
    """
    gone, allowed = trial.gone or Gone(), allowed_share(at, trial)
    if gone.panes and gone.since is None:
        return Evidence(threshold=allowed), "page", "the candidate still serves"
    evidence = Evidence(n=gone.total, value=gone.requests / max(gone.total, 1), threshold=allowed, log_e=gone.log_e)
    fewer = upper_bound(np.array([gone.requests]), np.array([gone.total]), ALPHA)[0] if gone.total else 1.0
    if fewer < trial.share / 2:
        reason = f"it had {gone.requests} of the last {gone.total} requests: too few to be sure that it has left"
        return evidence, "ticket", reason
    if not gone.panes:
        return evidence, "page", "no requests since then: nothing serves, or what serves sends no events"
    return evidence, "page", "too few requests to tell whether the traffic has moved"


def _said(
    model: Model,
    at: PaneContext,
    trial: ReleaseState,
    kind: ControlType,
    evidence: Evidence,
    severity: Severity,
    reason: str = "",
) -> ControlEvent:
    if trial.cause is None:
        raise LookupError(f"nothing is said of {trial.phase}")
    fields = {"evidence": evidence, "runbook": trial.cause.runbook, "reason": reason}
    return model.say(kind, at, trial.candidate, trial.cause.rule, severity, trial, **fields)
