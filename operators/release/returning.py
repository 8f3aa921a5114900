"""Withdrawn stays withdrawn: a version that serves again is pinned away again, and somebody is woken.

This holds until an override or a release of that very version, however long ago it was withdrawn. A version that never
stopped is reported once, as soon as that is sure after the policy's `drain`: pinning it away again would change
nothing. Where there were too few requests to tell (`verification.py`), or the pin that kept it away was lifted, it is
watched like one that left. A pin that somebody lifted by hand stays lifted until harm is found anew (`unpinned.py`).
"""

from operators.release.model import Model, PaneContext
from operators.release.phase_states import Leaving, RolledBack, Withdrawn
from operators.release.refuge import unfit
from operators.release.rollback import share_of
from operators.release.state import ReleaseState
from operators.release.unpinned import harm_anew
from operators.release.withdrawal import fail, keep_out_again
from operators.stats.traffic_share import Excess
from operators.wire.control import ControlEvent, Evidence, Severity
from operators.wire.mirrored import is_mirrored


def watch(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Look for every withdrawn version among the requests of the pane."""
    events: list[ControlEvent] = []
    total = sum(at.requests.values())
    for release in model.releases.values():
        state = release.state
        if not isinstance(state, Withdrawn) or at.ts <= state.detected:
            continue
        again = harm_anew(model, at, release, state)
        if again is not None:
            events.append(_pin_again(model, at, release, state, again))
            continue
        left, came = _has_left(state), at.requests.get(release.candidate, 0)
        drains = at.ts <= max(state.detected, model.unpinned or 0) + at.policy.releases.drain_ms
        if model.unpinned is not None and drains:
            continue  # Whoever lifted the pin has just been told.
        if (state.excess is None and not came) or (not left and (drains or not isinstance(state, RolledBack))):
            continue
        excess = state.excess = (state.excess or Excess()).step(came, total, at.policy.releases.applied_share)
        if excess is not None and excess.sure:
            tell = _withdraw_again if left else _ignored
            events.append(tell(model, at, release, state, excess))
    return events


def _has_left(state: Withdrawn) -> bool:
    """Tell whether people must be told that a version serves: it had left, or that could not be known."""
    return state.traffic.loose if isinstance(state.traffic, Leaving) else True


def _ignored(model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn, excess: Excess) -> ControlEvent:
    """Wake somebody: the gateways do not obey."""
    kind = fail(model, release, state, "ignored")
    reason = f"{release.candidate} still serves: {excess.requests} of the last {excess.total} requests"
    fields = {"reason": reason, "evidence": _evidence(at, excess), "runbook": state.cause.runbook}
    return model.say(kind, at, release.candidate, state.cause.rule, "page", release, **fields)


def _withdraw_again(
    model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn, excess: Excess
) -> ControlEvent:
    """Pin traffic away from a version; or bar only that version, where others serve beside the baseline."""
    refuge = state.refuge or release.baseline
    # An earlier refuge need not have served.
    fit = unfit(model, at, refuge) is None or (refuge == state.refuge and refuge not in model.served)
    lifted = model.unpinned is not None
    pins = bool(model.writer.pin is None and refuge and fit and not lifted and not _others(model, at, release))
    share = share_of(model, at, release.candidate)
    kind = keep_out_again(model, at, release, state, share, refuge if pins else None)
    reason = f"{release.candidate} was withdrawn and serves: {excess.requests} of {excess.total} requests of late"
    reason += "; the pin that was lifted by hand stays lifted" if lifted else ""
    fields = {"reason": reason, "evidence": _evidence(at, excess), "runbook": state.cause.runbook}
    severity: Severity = "ticket" if lifted else "page"  # Somebody has just looked into it.
    return model.say(kind, at, release.candidate, state.cause.rule, severity, release, **fields)


def _pin_again(
    model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn, evidence: Evidence
) -> ControlEvent:
    """Withdraw a version once more, because it does harm since somebody lifted the pin."""
    refuge = state.refuge or release.baseline
    fit = bool(refuge) and unfit(model, at, refuge) is None and not _others(model, at, release)
    model.unpinned = None
    share = share_of(model, at, release.candidate)
    kind = keep_out_again(model, at, release, state, share, refuge if fit else None)
    reason = f"{release.candidate} was withdrawn, serves, and does harm since the pin was lifted"
    fields = {"reason": reason, "evidence": evidence, "runbook": state.cause.runbook}
    return model.say(kind, at, release.candidate, state.cause.rule, "page", release, **fields)


def _evidence(at: PaneContext, excess: Excess) -> Evidence:
    allowed = at.policy.releases.applied_share
    return Evidence(n=excess.total, value=excess.requests / excess.total, threshold=allowed)


def _others(model: Model, at: PaneContext, release: ReleaseState) -> bool:
    """Tell whether versions that may serve had requests lately, besides the baseline: a pin would stop them."""
    allowed = [
        other
        for other in model.releases.values()
        if not other.withdrawn and other.candidate != release.baseline and not is_mirrored(other.candidate)
    ]
    if model.overridden - {release.candidate, release.baseline}:
        return True
    return any(other.phase != "promoted" or share_of(model, at, other.candidate) for other in allowed)
