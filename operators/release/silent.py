"""A candidate that no longer gets requests: its release decides nothing, and somebody should know."""

import math

from operators.release.model import Model, PaneContext
from operators.release.phase_states import RollingOut
from operators.release.promotion import SPLIT
from operators.release.rollback import share_of
from operators.release.state import ReleaseState
from operators.wire.control import ControlEvent, Evidence, Severity
from operators.wire.events import EPOCH, MILLISECOND
from operators.wire.mirrored import is_mirrored

SILENT_MS = 300_000  # How long a candidate may be without requests.
ALPHA = 1e-6  # The chance that none of the requests is the candidate's, if it had its share of them.
RUNBOOK = "infra/runbooks/traffic-split.md"


def tell_silent(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Return an event once for each candidate that has fallen silent while others serve, and once for its return."""
    events = []
    total = sum(at.requests.values())
    for release in model.releases.values():
        state = release.state
        if not isinstance(state, RollingOut) or is_mirrored(release.candidate):
            continue
        if at.requests.get(release.candidate, 0):
            if state.silent:
                events.append(_alert(model, at, release, f"{release.candidate} has requests again", state="resolved"))
            state.usual, state.missed, state.silent = share_of(model, at, release.candidate), 0, False
            continue
        state.missed += total
        if total and not state.silent and _is_sure(model, at, release, state):
            state.silent = True
            events.append(_tell(model, at, release, state))
    return events


def _is_sure(model: Model, at: PaneContext, release: ReleaseState, state: RollingOut) -> bool:
    served = model.served.get(release.candidate)
    if served is None or (at.pane - served.last) * at.policy.pane_ms < SILENT_MS:
        return False
    return _chance(state) <= ALPHA


def _chance(state: RollingOut) -> float:
    """Return the chance that a candidate with its usual share had none of the requests since its last one."""
    return 0.0 if state.usual >= 1 else math.exp(state.missed * math.log1p(-state.usual))


def _tell(model: Model, at: PaneContext, release: ReleaseState, state: RollingOut) -> ControlEvent:
    since = (model.served[release.candidate].last + 1) * at.policy.pane_ms
    reason = (
        f"{release.candidate} has had no request since {EPOCH + since * MILLISECOND:%H:%M:%S} UTC, of {state.missed} "
        f"since then; it had {state.usual:.1%} of them before: its release decides nothing"
    )
    return _alert(
        model,
        at,
        release,
        reason,
        evidence=Evidence(n=state.missed, value=0.0, threshold=state.usual, p_value=_chance(state)),
    )


def _alert(model: Model, at: PaneContext, release: ReleaseState, reason: str, **fields: object) -> ControlEvent:
    severity: Severity = "info" if fields.get("state") == "resolved" else "ticket"
    return model.say("alert", at, release.candidate, SPLIT, severity, release, reason=reason, runbook=RUNBOOK, **fields)
