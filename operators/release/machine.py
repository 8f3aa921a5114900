"""Moves versions on, through the table of transitions (`transitions.py`): each with all that follows from it.

What follows is the version's new state (`phase_states.py`) with the times and the cause, where traffic is pinned, the
shares of versions that serve, and the cool-down. Nothing else gives a version a state or takes it away, except
`withdrawal.py`, through `enter`. LookupError where a signal means nothing in the version's phase.
"""

from collections.abc import Mapping

from operators.policy.rules import ReleaseRule
from operators.release.model import Model, PaneContext
from operators.release.phase_states import (
    AnyState,
    Overridden,
    Promoted,
    RollingOut,
    Serving,
)
from operators.release.state import ReleaseState
from operators.release.transitions import Signal, step
from operators.release.warming import warm_anew, warmed_up
from operators.release.weighing import by_own_weights, make_room, take_over
from operators.stats.sample_ratio import TrafficSplit
from operators.wire.commands import Release
from operators.wire.control import VERSIONS_MAX, ControlType
from operators.wire.mirrored import is_mirrored


def enter(model: Model, release: ReleaseState, signal: Signal, state: AnyState) -> ControlType | None:
    """Put a version into a state, which must be of the phase that the table names; return the event's type."""
    phase, release.state = model.phase_of(release.candidate), state
    moved = step(phase, signal)
    if moved is None or moved[0] != release.phase:
        raise LookupError(f"{signal} in {phase}, to {release.phase}")
    model.releases[release.candidate] = release
    return moved[1]


def enter_saying(model: Model, release: ReleaseState, signal: Signal, state: AnyState) -> ControlType:
    """Do the same for a transition with a control event, and return its type. LookupError for any other."""
    kind = enter(model, release, signal, state)
    if kind is None:
        raise LookupError(f"nothing is said of {signal}")
    return kind


def accuse(model: Model, version: str, since: int) -> ReleaseState:
    """Begin a state (phase `serving`) for a version without a release on which a rule is BAD, from pane `since` on."""
    release = unreleased(version, since)
    enter(model, release, "accused", Serving())
    return release


def unreleased(version: str, since: int) -> ReleaseState:
    """Return the state of a version without a release: it has no baseline."""
    return ReleaseState(candidate=version, baseline="", since=since, state=Serving())


def begin(
    model: Model,
    at: PaneContext,
    candidate: str,
    baseline: str,
    declared: Release | None = None,
    unseen: tuple[str, ...] = (),
) -> ReleaseState:
    """Begin a release, in place of an earlier one of the same candidate; an overridden candidate stays overridden."""
    state = Overridden() if model.phase_of(candidate) == "overridden" else RollingOut(split=split_of(declared))
    release = ReleaseState(
        candidate=candidate,
        baseline=baseline,
        since=at.pane,
        declared=declared,
        unseen=unseen,
        state=state,
        attempt=_attempts(model, at, candidate),
    )
    if declared is not None:
        warm_anew(at, release, model.releases.get(candidate))
    enter(model, release, "released", state)
    restart(model, at, release, at.pane)
    return release


def _attempts(model: Model, at: PaneContext, candidate: str) -> int:
    """Return how often a version was compared since its promotion, not counting a time when it never got warm."""
    earlier = model.releases.get(candidate)
    if earlier is None or isinstance(earlier.state, Promoted):
        return model.attempts.pop(candidate, 0) if earlier is None else 0
    compared = earlier.candidate in model.served and at.pane > warmed_up(model, earlier, at.policy)
    return earlier.attempt if compared else max(earlier.attempt - 1, 0)


def describe(release: ReleaseState, declared: Release) -> None:
    """Apply a new command to a release under way: its metadata, and its declared share, tested afresh."""
    release.declared = declared
    if isinstance(release.state, RollingOut):
        release.state.split = split_of(declared)


def make_way(model: Model, declared: Release) -> list[str]:
    """Let traffic go to a candidate: lift a pin on another version, give it its share; return the words that say so."""
    words = []
    if model.writer.pin not in (None, declared.candidate):
        words.append(lift(model, f"the release of {declared.candidate}"))
    return [*words, *make_room(model, declared)]


def restart(model: Model, at: PaneContext, release: ReleaseState, since: int) -> None:
    """Compare anew from a pane on: earlier findings of canary rules no longer count."""
    release.since = since
    release.attempt += 1
    if isinstance(release.state, RollingOut | Promoted):
        release.state.replaced.clear()
    for rule in at.policy.rules:
        if isinstance(rule, ReleaseRule):
            model.bad.pop((rule.name, release.candidate), None)


def let_serve(model: Model, release: ReleaseState, others: Mapping[str, float]) -> ControlType:
    """Promote a candidate: it gets all traffic but the shares of `others` whose releases go on; copies get none."""
    was = release.actionable
    state = Promoted(
        holds=was.holds,
        held=was.held,
        throttled=was.throttled,
        shared=was.shared,
        shared_values=was.shared_values,
        producers=was.producers,
        replaced=was.replaced if isinstance(was, RollingOut) else {},
    )
    kind = enter_saying(model, release, "passed", state)
    if not is_mirrored(release.candidate):
        if model.beside:
            model.unpin()
        take_over(model, release.candidate, others)
    return kind


def let_run(model: Model, version: str) -> list[str]:
    """Let a version run whatever the rules say; return the words on the traffic that it may get."""
    release = model.releases.get(version)
    if release is not None:
        enter(model, release, "overridden", Overridden(times=release.times))
    elif step(model.phase_of(version), "overridden") is None:
        raise LookupError(f"overridden in {model.phase_of(version)}")
    model.overridden.add(version)
    # While traffic is pinned to one version no other runs.
    words = [] if model.writer.pin in (None, version) else [lift(model, "this")]
    return [*words, *by_own_weights(model, version)]


def revoke(model: Model, at: PaneContext, version: str) -> ReleaseState:
    """Let the rules act on a version again: it is judged anew, as its earlier behaviour was allowed."""
    release = model.releases.get(version)
    if release is None or not release.baseline:
        anew = unreleased(version, at.pane)
        enter(model, anew, "resumed", Serving())
    else:
        state = RollingOut(split=split_of(release.declared))
        anew = ReleaseState(
            candidate=version,
            baseline=release.baseline,
            since=at.pane,
            declared=release.declared,
            unseen=release.unseen,
            state=state,
            attempt=release.attempt,
        )
        enter(model, anew, "revoked", state)
        restart(model, at, anew, at.pane)
    model.overridden.discard(version)
    return anew


def end(model: Model, version: str) -> None:
    """Forget the state of a version: it is steady again.

    The model remembers the versions that were compared most often: somebody who makes versions come and go, each
    compared once, cannot make it forget one that has spent more.
    """
    phase = model.phase_of(version)
    if step(phase, "ended") is None:
        raise LookupError(f"ended in {phase}")
    release = model.releases.pop(version)
    attempts = release.attempt - (version in release.unseen)
    if attempts > 0 and not isinstance(release.state, Promoted):
        model.attempts[version] = attempts
        while len(model.attempts) > VERSIONS_MAX:
            del model.attempts[min(model.attempts, key=lambda name: model.attempts[name])]  # The first among equals.


def lift(model: Model, what: str) -> str:
    """Let traffic go to all versions that are not withdrawn; return the words that say so."""
    pin = model.writer.pin
    model.unpin()
    rest = f"; withdrawn all the same: {', '.join(model.barred)}" if model.barred else ""
    return f"{what} lifts the pin on {pin}{rest}"


def split_of(declared: Release | None) -> TrafficSplit | None:
    """Return the test of the share that a release declares, None if it declares none."""
    share = declared.traffic_share if declared is not None else None
    return None if share is None else TrafficSplit((share, 1.0 - share))
