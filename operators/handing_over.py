"""Models that another policy file takes since the worker began: what was decided of them goes over to its policy.

A file is renamed, divided, or joined with another, and traffic must not go back to what was withdrawn for that: pins,
releases, overrides, silences, incidents and alerts stay, as where one policy changes. Rules begin anew, and a release
under way is compared as a further attempt. Where a model was, what is known of it stays put aside until its file has
gone on with it, so that a crash loses nothing; of two that are known of one, that which said something last counts.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from operators.evaluation_state import EvaluationState
from operators.policy.claims import NOBODY
from operators.policy.policy import Policy
from operators.recovery import columns_of, content, loads
from operators.release.model import Model
from operators.release.other_panes import renumber
from operators.release.other_policy import begin_anew, last_to_speak
from operators.release.widening import widen
from operators.saved.registry import Unreadable
from operators.window.pane_lengths import PaneLengths
from operators.window.partial import OTHER
from operators.window.saved_teams import SavedTeams


class Coming(msgspec.Struct, frozen=True):
    """By file the `models` that come to it, and by file, gone or not, those that stay put `aside` where they were."""

    models: dict[str, dict[str, Model]] = {}
    aside: dict[str, set[str]] = {}


def owner_of(policy: Policy) -> Callable[[str], int]:
    """Return what tells the number of the policy of a model, NOBODY where no file takes it."""
    claims = policy.claims
    if claims is None:
        raise ValueError("models of one policy belong to nobody else")
    return lambda model: claims.of(model) if model else claims.first


def coming(policy: Policy, saved: Iterable[bytes | None]) -> Coming:
    """Return the models of other files that are a file's now; `saved` is what was, of the evaluation of each shard.

    None where there is but one policy, and none that its file has gone on with already. StateMismatch; Unreadable.
    """
    found = Coming(models={}, aside={})
    if policy.claims is None:
        return found
    known = [each for whole in saved if whole is not None for each in _known(policy, whole)]
    owner = owner_of(policy)
    gone_on = {
        (each.team, name): model.writer.revision
        for each in known
        for name, model in each.state.models.items()
        if (number := owner(name)) != NOBODY and policy.teams[number].team == each.team
    }
    for each in known:
        for model in each.state.known:
            name = model.writer.model
            if name == OTHER:
                continue
            number = owner(name)
            own = None if number == NOBODY else policy.teams[number]
            if own is not None and own.team == each.team:
                continue
            if own is not None and gone_on.get((own.team, name), -1) >= model.writer.revision:
                continue
            found.aside.setdefault(each.team, set()).add(name)
            if own is not None:
                models = found.models.setdefault(own.team, {})
                models[name] = last_to_speak(models.get(name), _as_counted(model, each, own))
    return found


class _Known(NamedTuple):
    """What the evaluation of a file saved in a shard, under which shape and lengths of panes."""

    team: str
    shape: str
    state: EvaluationState
    lengths: PaneLengths


def _known(policy: Policy, whole: bytes) -> Iterator[_Known]:
    before = columns_of(whole, policy)
    lengths = PaneLengths((before.pane_ms if before else 0) or policy.pane_ms, policy.pane_ms)
    for team, each in (loads(whole, SavedTeams, policy) or SavedTeams()).teams.items():
        shape, state = content(each)
        if not isinstance(state, EvaluationState):
            raise Unreadable(f"the recovery store holds a {type(state).__name__} where an evaluation should be")
        yield _Known(team, str(shape), state, lengths)


def _as_counted(model: Model, known: _Known, own: Policy) -> Model:
    """Return a model as the policy counts that takes it."""
    if not known.lengths.same:
        renumber(model, known.lengths)
    begin_anew(model, counted_alike=known.shape == own.shape)
    widen(model, len(own.slis))
    return model


def of_team(policy: Policy, team: str) -> Callable[[str], bool | None]:
    """Return what tells whether a file takes a model; None where none does."""
    owner = owner_of(policy)

    def takes(model: str) -> bool | None:
        number = owner(model)
        return model == OTHER or (None if number == NOBODY else policy.teams[number].team == team)

    return takes
