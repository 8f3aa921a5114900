"""After a rollback: has the traffic moved, and are users well again? If not by the deadline, somebody is woken."""

import numpy as np

from operators.release.cause import Cause
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Leaving, Recovered, RolledBack, Verifying, Withdrawn
from operators.release.proven_well import ALPHA, counted, found_ill, pages, proven_well
from operators.release.state import ReleaseState
from operators.release.withdrawal import fail, leave, recover
from operators.stats.binomial import upper_bound
from operators.stats.recovery_test import Health
from operators.wire.control import ControlEvent, ControlType, Evidence, Severity

PAGES_NAMED = 3  # Other alerts that page, named in the event of a recovery.


def follow_up(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Check every version that was withdrawn."""
    events: list[ControlEvent] = []
    for release in model.releases.values():
        state = release.state
        if isinstance(state, Withdrawn) and isinstance(state.traffic, Leaving):
            events += _look_at_traffic(model, at, release, state, state.traffic)
        state = release.state
        if isinstance(state, Withdrawn) and not isinstance(state, Recovered):
            events += _look_at_users(model, at, release, state)
        state = release.state
        if isinstance(state, RolledBack | Verifying):
            events += _look_at_deadline(model, at, release, state)
    return events


def _look_at_traffic(
    model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn, traffic: Leaving
) -> list[ControlEvent]:
    """The traffic has moved when the candidate's share is surely at most the allowed one, however long that takes."""
    came, total = at.requests.get(release.candidate, 0), sum(at.requests.values())
    if at.ts <= state.detected or not total:
        return []  # This pane was over before anybody could know of the rollback, or it had no requests.
    allowed = allowed_share(at, state)
    before = traffic.gone
    gone = traffic.gone = before.step(came, total, allowed, at.ts - at.policy.pane_ms)
    if gone.since != before.since:
        traffic.health = Health()  # Since then another version serves, or has another load.
    # A candidate that had no traffic lately has none to lose.
    if gone.since is None or (state.share and not gone.sure):
        return []
    kind = leave(model, release, state, traffic, gone.since)
    evidence = Evidence(n=gone.total, value=gone.requests / gone.total, threshold=allowed, log_e=gone.log_e)
    return [_event(model, at, release, state.cause, kind, evidence, "info")]


def allowed_share(at: PaneContext, state: Withdrawn) -> float:
    """Return the share that a withdrawn candidate may keep: the policy's, but no more than half of what it had."""
    allowed = at.policy.releases.applied_share
    return min(allowed, state.share / 2) if state.share else allowed


def _look_at_users(model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn) -> list[ControlEvent]:
    """Check whether the cause of the withdrawal is surely over with what serves now (`proven_well.py`)."""
    cause, traffic = state.cause, state.traffic
    if isinstance(traffic, Leaving) and traffic.gone.since is None:
        return []
    heirs = [model.writer.pin] if model.writer.pin else [name for name in at.requests if name != release.candidate]
    if cause.level is not None:
        traffic.health = counted(at, cause, cause.level, heirs, traffic.health)
    if isinstance(traffic, Leaving):
        return []
    evidence = proven_well(model, at, cause, traffic, heirs)
    if evidence is None:
        return []
    kind = recover(model, release, state, traffic, at.ts)
    others = "; ".join(f"{rule} still pages on {version}" for rule, version in pages(model)[:PAGES_NAMED])
    return [_event(model, at, release, cause, kind, evidence, "info", others)]


def _look_at_deadline(
    model: Model, at: PaneContext, release: ReleaseState, state: RolledBack | Verifying
) -> list[ControlEvent]:
    if at.ts < state.detected + at.policy.releases.deadline_ms:
        return []
    kind, cause = fail(model, release, state, "overdue"), state.cause
    if isinstance(state, RolledBack):
        evidence, severity, reason = _unsure(at, release.candidate, state)
        return [_event(model, at, release, cause, kind, evidence, severity, reason)]
    heirs = [model.writer.pin] if model.writer.pin else [name for name in at.requests if name != release.candidate]
    evidence, why = found_ill(model, cause, state.traffic, heirs)
    if why is None:
        reason = "the traffic has moved; too few requests to tell whether users are well"
        return [_event(model, at, release, cause, kind, evidence, "ticket", reason)]
    return [_event(model, at, release, cause, kind, evidence, "page", f"the traffic has moved, but {why}")]


def _unsure(at: PaneContext, candidate: str, state: RolledBack) -> tuple[Evidence, Severity, str]:
    """Return what is known at the deadline about the traffic of a candidate.

    It is a page unless the candidate's share is surely (upper bound at ALPHA) less than half of what it was. So a
    gateway that ignores a rollback is paged for, whatever the share.
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


def _event(
    model: Model,
    at: PaneContext,
    release: ReleaseState,
    cause: Cause,
    kind: ControlType,
    evidence: Evidence,
    severity: Severity,
    reason: str = "",
) -> ControlEvent:
    fields = {"evidence": evidence, "runbook": cause.runbook, "reason": reason}
    return model.say(kind, at, release.candidate, cause.rule, severity, release, **fields)
