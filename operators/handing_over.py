"""Models that another policy file takes since the worker began: what was decided of them goes over to its policy.

A file is renamed, divided, or joined with another, and traffic must not go back to what was withdrawn for that: pins,
releases, overrides, silences, incidents and alerts stay, as where one policy changes. Rules begin anew, and a release
under way is compared as a further attempt. Where a model was, what is known of it stays put aside, so that a crash
loses nothing; of two that are known of one model, that which said something last counts.
"""

from collections.abc import Callable, Iterable, Iterator

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

Arriving = dict[str, dict[str, Model]]  # By file, the models that come to it.


def owner_of(policy: Policy) -> Callable[[str], int]:
    """Return what tells the number of the policy of a model, NOBODY where no file takes it."""
    claims = policy.claims
    if claims is None:
        raise ValueError("models of one policy belong to nobody else")
    return lambda model: claims.of(model) if model else claims.first


def arriving(policy: Policy, saved: Iterable[bytes | None]) -> Arriving:
    """Return the models of other files that are a file's now; `saved` is what was, of the evaluation of each shard.

    Empty where there is but one policy. StateMismatch; Unreadable.
    """
    found: Arriving = {}
    if policy.claims is None:
        return found
    for whole in saved:
        if whole is None:
            continue
        before = columns_of(whole, policy)
        lengths = PaneLengths((before.pane_ms if before else 0) or policy.pane_ms, policy.pane_ms)
        for team, each in (loads(whole, SavedTeams, policy) or SavedTeams()).teams.items():
            for own, model in _leaving(policy, team, each, lengths):
                known = found.setdefault(own.team, {})
                known[model.writer.model] = last_to_speak(known.get(model.writer.model), model)
    return found


def _leaving(policy: Policy, team: str, saved: bytes, lengths: PaneLengths) -> Iterator[tuple[Policy, Model]]:
    """Yield the models of a file's evaluation that another one takes, as that counts, with its policy."""
    shape, state = content(saved)
    if not isinstance(state, EvaluationState):
        raise Unreadable(f"the recovery store holds a {type(state).__name__} where an evaluation should be")
    owner = owner_of(policy)
    for model in state.known:
        name = model.writer.model
        number = NOBODY if name == OTHER else owner(name)
        if number == NOBODY or policy.teams[number].team == team:
            continue
        if not lengths.same:
            renumber(model, lengths)
        own = policy.teams[number]
        begin_anew(model, counted_alike=shape == own.shape)
        widen(model, len(own.slis))
        yield own, model


def of_team(policy: Policy, team: str) -> Callable[[str], bool | None]:
    """Return what tells whether a file takes a model; None where none does."""
    owner = owner_of(policy)

    def takes(model: str) -> bool | None:
        number = owner(model)
        return model == OTHER or (None if number == NOBODY else policy.teams[number].team == team)

    return takes
