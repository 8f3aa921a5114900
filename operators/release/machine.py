"""Moves versions on, through the table of transitions (`transitions.py`): each with all that follows from it.

What follows is the version's new state (`phase_states.py`) with the times and the cause, where traffic is pinned, the
shares of those that serve, and the cool-down. Nothing else gives a version a state or takes it away. Each function
returns what is to be said; LookupError where the signal means nothing in the version's phase.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from operators.policy.rules import ReleaseRule
from operators.release.cause import Cause
from operators.release.model import Model, PaneContext
from operators.release.phase_states import (
    AnyState,
    Ineffective,
    Leaving,
    Left,
    Overridden,
    Promoted,
    Recovered,
    RolledBack,
    RollingOut,
    Serving,
    Verifying,
    Withdrawn,
)
from operators.release.state import ReleaseState
from operators.release.transitions import Signal, step
from operators.release.warming import warmed_up
from operators.release.weighing import by_own_weights, give_back, make_room, take_over
from operators.stats.sample_ratio import TrafficSplit
from operators.wire.commands import Release
from operators.wire.control import ControlType
from operators.wire.mirrored import is_mirrored


def accuse(model: Model, version: str, since: int) -> ReleaseState:
    """Put a version on trial that no release is about, as of a pane."""
    trial = unreleased(version, since)
    _enter(model, trial, "accused", Serving())
    return trial


def unreleased(version: str, since: int) -> ReleaseState:
    """Return what a version is that no release is about."""
    return ReleaseState(candidate=version, baseline="", since=since, state=Serving())


def begin(
    model: Model,
    at: PaneContext,
    candidate: str,
    baseline: str,
    declared: Release | None = None,
    unseen: tuple[str, ...] = (),
) -> ReleaseState:
    """Begin a release, in place of an earlier one of the same candidate; one that is overridden stays so."""
    state = Overridden() if model.phase_of(candidate) == "overridden" else RollingOut(split=split_of(declared))
    trial = ReleaseState(
        candidate=candidate,
        baseline=baseline,
        since=at.pane,
        release=declared,
        unseen=unseen,
        state=state,
        attempt=_attempts(model, at, model.trials.get(candidate)),
    )
    _enter(model, trial, "released", state)
    restart(model, at, trial, at.pane)
    return trial


def _attempts(model: Model, at: PaneContext, earlier: ReleaseState | None) -> int:
    """Return how often a version was compared before, since it was promoted; not if it was not even warm."""
    if earlier is None or isinstance(earlier.state, Promoted):
        return 0
    compared = earlier.candidate in model.served and at.pane > warmed_up(model, earlier, at.policy)
    return earlier.attempt if compared else max(earlier.attempt - 1, 0)


def describe(trial: ReleaseState, release: Release) -> None:
    """Take what a command says of a release that goes on."""
    trial.release = release
    if isinstance(trial.state, RollingOut):
        trial.state.split = split_of(release)


def make_way(model: Model, release: Release) -> list[str]:
    """Let traffic go to a candidate: lift a pin on another version, give it its share; return what is said of it."""
    words = []
    if model.speaker.pin not in (None, release.candidate):
        words.append(lift(model, f"the release of {release.candidate}"))
    return [*words, *make_room(model, release)]


def restart(model: Model, at: PaneContext, trial: ReleaseState, since: int) -> None:
    """Compare anew from a pane on: what canary rules found before does not stand."""
    trial.since = since
    trial.attempt += 1
    if isinstance(trial.state, RollingOut | Promoted):
        trial.state.replaced.clear()
    for rule in at.policy.rules:
        if isinstance(rule, ReleaseRule):
            model.bad.pop((rule.name, trial.candidate), None)


def let_serve(model: Model, trial: ReleaseState, others: Mapping[str, float]) -> ControlType:
    """Promote a candidate: it gets all traffic but the shares of `others` whose trials go on; none as copies."""
    was = trial.actionable
    state = Promoted(
        holds=was.holds,
        held=was.held,
        throttled=was.throttled,
        shared=was.shared,
        producers=was.producers,
        replaced=was.replaced if isinstance(was, RollingOut) else {},
    )
    kind = _said(_enter(model, trial, "passed", state))
    if not is_mirrored(trial.candidate):
        if model.beside:
            model.unpin()
        take_over(model, trial.candidate, others)
    return kind


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
    kind = _said(_enter(model, trial, signals[stops], state))
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
    return _said(_enter(model, trial, signal, state))


def leave(model: Model, trial: ReleaseState, was: Withdrawn, traffic: Leaving, since: int) -> ControlType:
    """The traffic has left a withdrawn version, since then [Unix ms]."""
    left = Left(applied=max(since, was.detected), health=traffic.health)
    kind: type[Verifying | Ineffective] = Ineffective if isinstance(was, Ineffective) else Verifying
    return _said(_enter(model, trial, "applied", kind(**_common(was), traffic=left)))


def recover(model: Model, trial: ReleaseState, was: Withdrawn, left: Left, ts: int) -> ControlType:
    """The users are well since a version was withdrawn."""
    state = Recovered(**_common(was), excess=was.excess, traffic=left, recovered=ts)
    return _said(_enter(model, trial, "well", state))


def shelve(model: Model, trial: ReleaseState, ts: int) -> None:
    """Wait for nothing after a version was withdrawn that has never served."""
    was = trial.state
    if not isinstance(was, RolledBack):
        raise LookupError(f"absent in {trial.phase}")
    state = Recovered(**_common(was), traffic=Left(applied=ts), recovered=ts)
    _enter(model, trial, "absent", state)


def fail(model: Model, trial: ReleaseState, was: Withdrawn, signal: Literal["overdue", "ignored"]) -> ControlType:
    """Withdrawing a version has not helped: by the deadline, or because it surely serves on."""
    traffic, excess = was.traffic, was.excess
    if isinstance(traffic, Leaving):
        # Once it is surely seen to serve after the deadline people hear of it.
        traffic = msgspec.structs.replace(traffic, loose=traffic.loose or signal == "overdue")
        excess = None
    state = Ineffective(**_common(was), excess=excess, traffic=traffic)
    return _said(_enter(model, trial, signal, state))


def let_run(model: Model, version: str) -> list[str]:
    """Let a version run whatever the rules say; return what is said of the traffic that it may get."""
    trial = model.trials.get(version)
    if trial is not None:
        _enter(model, trial, "overridden", Overridden(times=trial.times))
    elif step(model.phase_of(version), "overridden") is None:
        raise LookupError(f"overridden in {model.phase_of(version)}")
    model.overridden.add(version)
    # While traffic is held on one version no other runs.
    words = [] if model.speaker.pin in (None, version) else [lift(model, "this")]
    return [*words, *by_own_weights(model, version)]


def revoke(model: Model, at: PaneContext, version: str) -> ReleaseState:
    """Let the rules act on a version again: it is judged anew, as what came before was allowed."""
    trial = model.trials.get(version)
    if trial is None or not trial.baseline:
        anew = unreleased(version, at.pane)
        _enter(model, anew, "resumed", Serving())
    else:
        state = RollingOut(split=split_of(trial.release))
        anew = ReleaseState(
            candidate=version,
            baseline=trial.baseline,
            since=at.pane,
            release=trial.release,
            unseen=trial.unseen,
            state=state,
            attempt=trial.attempt,
        )
        _enter(model, anew, "revoked", state)
        restart(model, at, anew, at.pane)
    model.overridden.discard(version)
    return anew


def end(model: Model, version: str) -> None:
    """Forget the trial of a version."""
    phase = model.phase_of(version)
    if step(phase, "ended") is None:
        raise LookupError(f"ended in {phase}")
    del model.trials[version]


def lift(model: Model, what: str) -> str:
    """Let traffic go to all versions but the withdrawn; return what is said of it."""
    pin = model.speaker.pin
    model.unpin()
    rest = f"; withdrawn all the same: {', '.join(model.barred)}" if model.barred else ""
    return f"{what} lifts the pin on {pin}{rest}"


def split_of(release: Release | None) -> TrafficSplit | None:
    """Return the test of the share that a release declares, None if it declares none."""
    share = release.traffic_share if release is not None else None
    return None if share is None else TrafficSplit((share, 1.0 - share))


def _common(was: Withdrawn) -> dict[str, Any]:
    """Return what stays known of a withdrawn version while it is withdrawn."""
    return {name: getattr(was, name) for name in ("cause", "detected", "onset", "share", "refuge")}


def _said(kind: ControlType | None) -> ControlType:
    if kind is None:
        raise LookupError("nothing is said of this")
    return kind


def _enter(model: Model, trial: ReleaseState, signal: Signal, state: AnyState) -> ControlType | None:
    """Put a version into a state, which has to be of the phase that the table names; return what is to be said."""
    phase, trial.state = model.phase_of(trial.candidate), state
    moved = step(phase, signal)
    if moved is None or moved[0] != trial.phase:
        raise LookupError(f"{signal} in {phase}, to {trial.phase}")
    model.trials[trial.candidate] = trial
    return moved[1]
