"""Models that another policy file takes since the worker began: what was decided about them moves to that file.

A file may be renamed, divided, or joined with another, and that must not send traffic back to a withdrawn version. So
pins, releases, overrides, silences, incidents and alerts stay, as when one policy changes. Rules begin anew, and a
release under way is compared as a further attempt. The old file keeps a model's state aside until the new one has gone
on with it, so that a crash loses nothing. Of two states of one model the one that sent the last event counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from operators.evaluation_state import EvaluationState
from operators.policy.claims import NOBODY
from operators.policy.policy import Policy
from operators.recovery import columns_of, content, of_teams, shard_number, team_panes
from operators.release.model import Model
from operators.release.narrowed import narrow
from operators.release.other_panes import renumber
from operators.release.other_policy import begin_anew, last_to_speak
from operators.release.widening import widen
from operators.saved.registry import Unreadable
from operators.window.moved_commands import Moved, MovedCommands, Place, home_in, note_moved, team_for
from operators.window.pane_lengths import PaneLengths
from operators.window.partial import OTHER
from operators.window.saved_panes import SavedPanes
from operators.window.saved_teams import SavedTeams
from operators.window.team_panes import SavedTeamPanes
from operators.window.waiting_commands import TakenIn, Unwatched, Waiting
from operators.wire.commands import Silence
from operators.wire.events import ms_of


class Coming(msgspec.Struct, frozen=True):
    """`models` that come to each file; `aside`, by old file (in use or not), the names of those whose state it keeps.

    `commands` are those of these models; `silences` are those on all models.
    """

    models: dict[str, dict[str, Model]] = {}
    aside: dict[str, set[str]] = {}
    commands: Moved = {}
    silences: tuple[Silence, ...] = ()


Saved = Mapping[str, bytes | None]  # The state a step saved, by name of the shard.


def coming(policy: Policy, evaluations: Saved, panes: Saved) -> Coming:
    """Return the models that come to each file from others, from the saved evaluations and panes.

    Empty where there is only one policy; models that their new file has gone on with are left out. A model that no file
    takes comes to the file that speaks for all, and its open alerts and incidents end. StateMismatch; Unreadable.
    """
    if policy.claims is None:
        return Coming()
    known = [each for shard, whole in evaluations.items() if whole is not None for each in _known(policy, shard, whole)]
    found = Coming(models={}, aside={}, commands=_commands(policy, panes), silences=_silences(known))
    own = {each.team: each for each in policy.teams}
    gone_on = {
        (place, model.writer.model): model.writer.revision
        for each in known
        for model in _gone_on(policy, each)
        if (place := home_in(policy, model.writer.model)) == each.place
    }
    for each in known:
        for model in each.state.known:
            name = model.writer.model
            if name == OTHER or (place := home_in(policy, name)) == each.place:
                continue
            if gone_on.get((place, name), -1) >= model.writer.revision:
                continue
            found.aside.setdefault(each.team, set()).add(name)
            models = found.models.setdefault(place[0], {})
            models[name] = last_to_speak(models.get(name), _as_counted(model, each, own[place[0]]))
    now_ms = _closed_ms(policy, panes)
    _end(policy, found, known, now_ms)
    _take_in(policy, found, known, now_ms)
    return found


def _gone_on(policy: Policy, known: "_Known") -> Iterable[Model]:
    """Return the models that a file has gone on with; those that no file takes it only keeps aside."""
    aside = known.state.aside.values()
    return [*known.state.models.values(), *(model for model in aside if policy.of(model.writer.model) is None)]


def _end(policy: Policy, found: Coming, known: Iterable["_Known"], now_ms: int) -> None:
    """End open alerts and incidents of models that no file takes any more."""
    last: dict[str, Model] = {}
    for each in known:
        for model in each.state.known:
            if home_in(policy, model.writer.model) == each.place:
                last[model.writer.model] = last_to_speak(last.get(model.writer.model), model)
    for models in found.models.values():
        last |= {name: last_to_speak(last.get(name), model) for name, model in models.items()}
    for name, model in last.items():
        if name and policy.of(name) is None and (model.alerts.firing or model.incidents):
            _say(policy, found, now_ms, Unwatched(model=name))


def _take_in(policy: Policy, found: Coming, known: Iterable["_Known"], now_ms: int) -> None:
    """Let files take in the models that come or come back to them, even if these get no more traffic."""
    back = {name for each in known for name in each.state.aside if home_in(policy, name) == each.place}
    for name in sorted(back.union(*found.models.values())):
        if name and policy.of(name) is not None:
            _say(policy, found, now_ms, TakenIn(model=name))


def _say(policy: Policy, found: Coming, now_ms: int, what: Unwatched | TakenIn) -> None:
    found.commands.setdefault(home_in(policy, what.model), MovedCommands()).waiting.append((now_ms, what))


def _commands(policy: Policy, panes: Saved) -> Moved:
    moved: Moved = {}
    for place, each, pane_ms in _saved_panes(policy, panes):
        note_moved(moved, policy, place, Waiting(each.commands, each.obeyed), pane_ms)
    return moved


def _closed_ms(policy: Policy, panes: Saved) -> int:
    """Return when the last closed pane ended [Unix ms]: all that is known of any model is earlier."""
    return max(((each.closed + 1) * pane_ms for _, each, pane_ms in _saved_panes(policy, panes)), default=0)


def _saved_panes(policy: Policy, panes: Saved) -> Iterator[tuple[Place, SavedPanes, int]]:
    """Yield the panes of each file and shard, and their length."""
    for shard, whole in panes.items():
        saved, had = (None, None) if whole is None else team_panes(whole, policy)
        for team, each in {} if saved is None else saved.teams.items():
            yield (team, shard_number(shard)), each, each.pane_ms or (had.pane_ms if had else 0) or policy.pane_ms


def _silences(known: Iterable["_Known"]) -> tuple[Silence, ...]:
    """Return the silences of all models: for each rule the last one given."""
    some = sorted((each for one in known for each in one.state.silences), key=lambda each: ms_of(each.ts))
    return tuple({each.rule: each for each in some}.values())


class _Known(NamedTuple):
    """What the evaluation of a file saved in a shard, with the shape and pane lengths of then."""

    place: Place
    shape: str
    state: EvaluationState
    lengths: PaneLengths

    @property
    def team(self) -> str:
        return self.place[0]


def _known(policy: Policy, shard: str, whole: bytes) -> Iterator[_Known]:
    before = columns_of(whole, policy)
    lengths = PaneLengths((before.pane_ms if before else 0) or policy.pane_ms, policy.pane_ms)
    for team, each in of_teams(whole, policy).items():
        shape, state = _evaluation(each)
        yield _Known((team, shard_number(shard)), shape, state, lengths)


def known_models(saved: Iterable[bytes | None], file: str) -> set[str]:
    """Return the models known to a file; `file` is its name in what each shard saved. Unreadable."""
    found = set()
    for whole in saved:
        state = None if whole is None else content(whole)[1]
        own = state.teams.get(file) if isinstance(state, SavedTeams) else whole
        if own is not None:
            found |= {model.writer.model for model in _evaluation(own)[1].known}
    return found


def counted_files(saved: Iterable[bytes | None]) -> set[str]:
    """Return the names of files that have saved panes; `saved` has the panes of each shard. Unreadable."""
    found: set[str] = set()
    for whole in saved:
        state = None if whole is None else content(whole)[1]
        found |= state.teams.keys() if isinstance(state, SavedTeamPanes) else {""}
    return found


def _evaluation(saved: bytes) -> tuple[str, EvaluationState]:
    shape, state = content(saved)
    if not isinstance(state, EvaluationState):
        raise Unreadable(f"the recovery store holds a {type(state).__name__} where an evaluation should be")
    return str(shape), state


def _as_counted(model: Model, known: _Known, own: Policy) -> Model:
    """Return a model as counted by the policy that takes it."""
    if not known.lengths.same:
        renumber(model, known.lengths)
    begin_anew(model, counted_alike=known.shape == own.shape)
    narrow(model.alerts, own, {rule.name for rule in own.rules})
    widen(model, len(own.slis))
    return model


def of_team(policy: Policy, team: str) -> Callable[[str], bool | None]:
    """Return a function that tells whether a file takes a model: None where no file does and this one speaks for it."""
    if policy.claims is None:
        raise ValueError("models of one policy belong to nobody else")
    claims = policy.claims

    def takes(model: str) -> bool | None:
        if model == OTHER:
            return True
        if policy.teams[team_for(claims, model)].team != team:
            return False
        return None if model and claims.of(model) == NOBODY else True

    return takes
