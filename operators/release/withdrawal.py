"""Withdrawing a version, and what becomes of it, through the table of transitions: the other half of `machine.py`.

Each function returns what is to be said; LookupError where the signal means nothing in the version's phase.
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
    trial: ReleaseState,
    cause: Cause,
    share: float,
    to: str | None,
    stops: bool,
    beside: bool,
) -> tuple[ControlType, bool]:
    """Withdraw a version that had a share of the traffic; return also whether that ends the pin.

    All traffic goes `to` another version, or only what the version had, where others serve well `beside` it; None: to
    whatever else may serve. It `stops` where there is none to go back to, whatever takes its place.
    """
    signals: tuple[Signal, Signal] = ("recalled", "shut_out") if trial.withdrawn else ("harmful", "stopped")
    state = RolledBack(cause=cause, detected=at.ts, onset=cause.evidence.since, share=share, refuge=to)
    kind = enter_saying(model, trial, signals[stops], state)
    model.overridden.discard(trial.candidate)
    lifts = to is None and model.speaker.pin == trial.candidate
    if to is not None:
        model.pin_to(to, beside=beside)
    elif lifts:
        model.unpin()
    give_back(model, trial.candidate)
    model.cooled = at.ts + at.policy.releases.cooldown_ms
    return kind, lifts


def keep_out_again(
    model: Model, at: PaneContext, trial: ReleaseState, was: Withdrawn, share: float, pin: str | None
) -> ControlType:
    """Keep away a version that was withdrawn and serves: by a pin on another, or barred alone while none is pinned."""
    if pin is not None:
        model.pin_to(pin)
    signal: Signal = "barred" if model.speaker.pin is None else "returned"
    state = RolledBack(cause=was.cause, detected=at.ts, share=share, refuge=pin or was.refuge)
    return enter_saying(model, trial, signal, state)


def leave(model: Model, trial: ReleaseState, was: Withdrawn, traffic: Leaving, since: int) -> ControlType:
    """The traffic has left a withdrawn version, since then [Unix ms]."""
    left = Left(applied=max(since, was.detected), health=traffic.health)
    kind: type[Verifying | Ineffective] = Ineffective if isinstance(was, Ineffective) else Verifying
    return enter_saying(model, trial, "applied", kind(**_common(was), traffic=left))


def recover(model: Model, trial: ReleaseState, was: Withdrawn, left: Left, ts: int) -> ControlType:
    """The users are well since a version was withdrawn."""
    state = Recovered(**_common(was), excess=was.excess, traffic=left, recovered=ts)
    return enter_saying(model, trial, "well", state)


def shelve(model: Model, trial: ReleaseState, ts: int) -> None:
    """Wait for nothing after a version was withdrawn that has never served."""
    was = trial.state
    if not isinstance(was, RolledBack):
        raise LookupError(f"absent in {trial.phase}")
    state = Recovered(**_common(was), traffic=Left(applied=ts), recovered=ts)
    enter(model, trial, "absent", state)


def fail(model: Model, trial: ReleaseState, was: Withdrawn, signal: Literal["overdue", "ignored"]) -> ControlType:
    """Withdrawing a version has not helped: by the deadline, or because it surely serves on."""
    traffic, excess = was.traffic, was.excess
    if isinstance(traffic, Leaving):
        # Once it is surely seen to serve after the deadline people hear of it.
        traffic = msgspec.structs.replace(traffic, loose=traffic.loose or signal == "overdue")
        excess = None
    state = Ineffective(**_common(was), excess=excess, traffic=traffic)
    return enter_saying(model, trial, signal, state)


def _common(was: Withdrawn) -> dict[str, Any]:
    """Return what stays known of a withdrawn version while it is withdrawn."""
    return {name: getattr(was, name) for name in ("cause", "detected", "onset", "share", "refuge")}
