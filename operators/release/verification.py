"""After a rollback: has the traffic moved, and are users well again? If not by the deadline, somebody is woken."""

import math

import numpy as np

from operators.release.cause import Cause, Level
from operators.release.machine import fail, leave, recover
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Leaving, Recovered, RolledBack, Verifying, Withdrawn
from operators.release.refuge import harms
from operators.release.state import ReleaseState
from operators.stats.binomial import upper_bound
from operators.stats.recovery_test import Health
from operators.window.partial import BAD, GOOD
from operators.wire.control import ControlEvent, ControlType, Evidence, Severity

ALPHA = 0.05  # The chance that what serves now is ever wrongly called well, or that a page is left out.


def follow_up(model: Model, at: PaneContext) -> list[ControlEvent]:
    """See what became of every version that was withdrawn."""
    events: list[ControlEvent] = []
    for trial in model.trials.values():
        state = trial.state
        if isinstance(state, Withdrawn) and isinstance(state.traffic, Leaving):
            events += _look_at_traffic(model, at, trial, state, state.traffic)
        state = trial.state
        if isinstance(state, Withdrawn) and not isinstance(state, Recovered):
            events += _look_at_users(model, at, trial, state)
        state = trial.state
        if isinstance(state, RolledBack | Verifying):
            events += _look_at_deadline(model, at, trial, state)
    return events


def _look_at_traffic(
    model: Model, at: PaneContext, trial: ReleaseState, state: Withdrawn, traffic: Leaving
) -> list[ControlEvent]:
    """The traffic has moved when the candidate's share is surely at most what is allowed, however long that takes."""
    came, total = at.requests.get(trial.candidate, 0), sum(at.requests.values())
    if at.ts <= state.detected or not total:
        return []  # This pane was over before anybody could know, or it says nothing.
    allowed = allowed_share(at, state)
    before = traffic.gone
    gone = traffic.gone = before.step(came, total, allowed, at.ts - at.policy.pane_ms)
    if gone.since != before.since:
        traffic.health = Health()  # Who serves since then is another one, or has another load.
    # A candidate that had no traffic lately has none to lose.
    if gone.since is None or (state.share and not gone.sure):
        return []
    kind = leave(model, trial, state, traffic, gone.since)
    evidence = Evidence(n=gone.total, value=gone.requests / gone.total, threshold=allowed, log_e=gone.log_e)
    return [_said(model, at, trial, state.cause, kind, evidence, "info")]


def allowed_share(at: PaneContext, state: Withdrawn) -> float:
    """Return the share that a withdrawn candidate may keep: the policy's, but no more than half of what it had."""
    allowed = at.policy.releases.applied_share
    return min(allowed, state.share / 2) if state.share else allowed


def _look_at_users(model: Model, at: PaneContext, trial: ReleaseState, state: Withdrawn) -> list[ControlEvent]:
    """The users are well when the bad ratio of what serves now is surely nearer to the better arm's.

    Where the rule had no SLI: when the rule does not call what serves now BAD, for as long as its proof took.
    """
    cause, traffic = state.cause, state.traffic
    if isinstance(traffic, Leaving) and traffic.gone.since is None:
        return []
    heirs = [model.speaker.pin] if model.speaker.pin else [name for name in at.requests if name != trial.candidate]
    if cause.level is not None:
        traffic.health = _count(at, cause, cause.level, heirs, traffic.health)
    if isinstance(traffic, Leaving) or any(_is_ill(model, at, cause, version) for version in heirs):
        return []
    if cause.level is not None:
        if traffic.health.log_e < -math.log(ALPHA):
            return []
        evidence = _health(cause, cause.level, traffic.health)
    else:
        if at.ts < traffic.applied + (cause.evidence.window_ms or 0) or not any(map(at.requests.get, heirs)):
            return []
        evidence = Evidence(measure=cause.evidence.measure, reason=_well(cause))
    kind = recover(model, trial, state, traffic, at.ts)
    return [_said(model, at, trial, cause, kind, evidence, "info")]


def _is_ill(model: Model, at: PaneContext, cause: Cause, version: str) -> bool:
    """Tell whether the rule calls what serves now BAD; where somebody took the version out, any rule that matters."""
    if cause.by_hand:
        return harms(model, at, version) is not None
    return (cause.rule, version) in model.bad


def _well(cause: Cause) -> str:
    return "no rule that pages or acts is BAD" if cause.by_hand else f"{cause.rule} is not BAD"


def _count(at: PaneContext, cause: Cause, level: Level, heirs: list[str], health: Health) -> Health:
    """Return it after what came of the versions that serve instead."""
    found = [slis[level.sli] for name in heirs if (slis := at.slis(name, cause.slices[0].slice)) is not None]
    good, bad = sum(int(each[GOOD]) for each in found), sum(int(each[BAD]) for each in found)
    return health.step(good, bad, level.bad_max, level.bad_well)


def _health(cause: Cause, level: Level, health: Health) -> Evidence:
    n = health.good + health.bad
    return Evidence(
        sli=cause.evidence.sli,
        good=health.good,
        bad=health.bad,
        value=health.bad / n if n else None,
        threshold=level.bad_max,
        log_e=health.log_e,
    )


def _look_at_deadline(
    model: Model, at: PaneContext, trial: ReleaseState, state: RolledBack | Verifying
) -> list[ControlEvent]:
    if at.ts < state.detected + at.policy.releases.deadline_ms:
        return []
    kind, cause = fail(model, trial, state, "overdue"), state.cause
    if isinstance(state, RolledBack):
        evidence, severity, reason = _unsure(at, trial.candidate, state)
        return [_said(model, at, trial, cause, kind, evidence, severity, reason)]
    evidence = _health(cause, cause.level, state.traffic.health) if cause.level is not None else Evidence()
    if evidence.value is not None and evidence.value <= (evidence.threshold or 0.0):
        reason = "the traffic has moved; too few requests to tell whether users are well"
        return [_said(model, at, trial, cause, kind, evidence, "ticket", reason)]
    return [_said(model, at, trial, cause, kind, evidence, "page", "the traffic has moved, but users are not well")]


def _unsure(at: PaneContext, candidate: str, state: RolledBack) -> tuple[Evidence, Severity, str]:
    """Say of a candidate at the deadline what is known of its traffic.

    It is a page unless its share is surely less than half of what it was: none of n requests has a chance of at most
    ALPHA then. So who ignores a rollback is paged for, whatever the share.
    """
    gone, allowed = state.traffic.gone, allowed_share(at, state)
    if gone.panes and gone.since is None:
        return Evidence(threshold=allowed), "page", f"{candidate} still serves"
    evidence = Evidence(n=gone.total, value=gone.requests / max(gone.total, 1), threshold=allowed, log_e=gone.log_e)
    fewer = upper_bound(np.array([gone.requests]), np.array([gone.total]), ALPHA)[0] if gone.total else 1.0
    if fewer < state.share / 2:
        reason = f"it had {gone.requests} of the last {gone.total} requests: too few to be sure that it has left"
        return evidence, "ticket", reason
    if not gone.panes:
        return evidence, "page", "no requests since then: nothing serves, or what serves sends no events"
    return evidence, "page", "too few requests to tell whether the traffic has moved"


def _said(
    model: Model,
    at: PaneContext,
    trial: ReleaseState,
    cause: Cause,
    kind: ControlType,
    evidence: Evidence,
    severity: Severity,
    reason: str = "",
) -> ControlEvent:
    fields = {"evidence": evidence, "runbook": cause.runbook, "reason": reason}
    return model.say(kind, at, trial.candidate, cause.rule, severity, trial, **fields)
