"""Withdrawing a version, and what becomes of it, through the table of transitions: the other half of `machine.py`.

Functions return the type of the event that follows; LookupError where the signal means nothing in the version's phase.
"""

from typing import Any, Literal

import msgspec

from operators.release.cause import Cause
from operators.release.machine import enter, enter_saying
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Ineffective, Leaving, Left, Recovered, RolledBack, Verifying, Withdrawn
from operators.release.state import ReleaseState
from operators.release.transitions import Signal
from operators.release.weighing import give_back
from operators.wire.control import ControlType


def keep_out(
    model: Model,
    at: PaneContext,
    release: ReleaseState,
    cause: Cause,
    share: float,
    to: str | None,
    stops: bool,
    beside: bool,
) -> tuple[ControlType, bool]:
    """Withdraw a version that had a share of the traffic; return also whether that ends the pin.

    All traffic goes `to` another version, or only what the version had, where others serve well `beside` it; None: to
    whatever else may serve. It `stops` where there is no version to go back to, whatever takes its place.
    """
    signals: tuple[Signal, Signal] = ("recalled", "shut_out") if release.withdrawn else ("harmful", "stopped")
    state = RolledBack(cause=cause, detected=at.ts, onset=cause.evidence.since, share=share, refuge=to)
    kind = enter_saying(model, release, signals[stops], state)
    model.overridden.discard(release.candidate)
    lifts = to is None and model.writer.pin == release.candidate
    if to is not None:
        model.pin_to(to, beside=beside)
    elif lifts:
        model.unpin()
    give_back(model, release.candidate)
    model.cooled = at.ts + at.policy.releases.cooldown_ms
    return kind, lifts


def keep_out_again(
    model: Model, at: PaneContext, release: ReleaseState, was: Withdrawn, share: float, pin: str | None
) -> ControlType:
    """Keep away a withdrawn version that serves: by a pin on another, or by barring it alone while none is pinned."""
    if pin is not None:
        model.pin_to(pin)
    signal: Signal = "barred" if model.writer.pin is None else "returned"
    state = RolledBack(cause=was.cause, detected=at.ts, share=share, refuge=pin or was.refuge)
    return enter_saying(model, release, signal, state)


def leave(model: Model, release: ReleaseState, was: Withdrawn, traffic: Leaving, since: int) -> ControlType:
    """Note that the traffic has left a withdrawn version, since then [Unix ms]."""
    left = Left(applied=max(since, was.detected), health=traffic.health)
    kind: type[Verifying | Ineffective] = Ineffective if isinstance(was, Ineffective) else Verifying
    return enter_saying(model, release, "applied", kind(**_common(was), traffic=left))


def recover(model: Model, release: ReleaseState, was: Withdrawn, left: Left, ts: int) -> ControlType:
    """Note that users are well since a version was withdrawn."""
    state = Recovered(**_common(was), excess=was.excess, traffic=left, recovered=ts)
    return enter_saying(model, release, "well", state)


def shelve(model: Model, release: ReleaseState, ts: int) -> None:
    """Wait for nothing after the withdrawal of a version that has never served."""
    was = release.state
    if not isinstance(was, RolledBack):
        raise LookupError(f"absent in {release.phase}")
    state = Recovered(**_common(was), traffic=Left(applied=ts), recovered=ts)
    enter(model, release, "absent", state)


def fail(model: Model, release: ReleaseState, was: Withdrawn, signal: Literal["overdue", "ignored"]) -> ControlType:
    """Note that withdrawing a version has not helped: by the deadline, or because it surely still serves."""
    traffic, excess = was.traffic, was.excess
    if isinstance(traffic, Leaving):
        # If it is surely seen to serve after the deadline, people are told.
        traffic = msgspec.structs.replace(traffic, loose=traffic.loose or signal == "overdue")
        excess = None
    state = Ineffective(**_common(was), excess=excess, traffic=traffic)
    return enter_saying(model, release, signal, state)


def _common(was: Withdrawn) -> dict[str, Any]:
    """Return what stays known about a version while it is withdrawn."""
    return {name: getattr(was, name) for name in ("cause", "detected", "onset", "share", "refuge")}
