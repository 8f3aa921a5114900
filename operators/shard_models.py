"""All models of a shard, moved on pane by pane: first traffic and commands, then, once rules have looked, verdicts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from operators.evaluation_state import EvaluationState
from operators.policy.policy import Policy
from operators.release.addressing import Addressed, silenced, with_new
from operators.release.alert_events import resolve_forgotten
from operators.release.by_time import next_by_time
from operators.release.contexts import Contexts, PaneContexts
from operators.release.controller import begin_pane, end_pane, note_pane
from operators.release.declared_targets import declared_targets
from operators.release.discovery import may_lose_releases
from operators.release.expecting import expect
from operators.release.forgetting import surplus
from operators.release.model import CanaryFinding, Model
from operators.release.other_policy import last_to_speak
from operators.release.release_rows import ShownReleases, release_rows, shown_releases
from operators.release.uneventful import Uneventful
from operators.release.unwatched import obey_unwatched
from operators.release.warming import warmed_up
from operators.rules.absence import AbsenceEvaluator
from operators.rules.comparison import Comparison
from operators.rules.current import Current
from operators.rules.pane_counts import PaneCounts
from operators.rules.targets import HeldToTargets
from operators.rules.verdict import Verdict
from operators.store.rows import Rows
from operators.window.folded import Folded
from operators.window.partial import Partial
from operators.window.waiting_commands import Due, TakenIn, without_start
from operators.wire.commands import Release
from operators.wire.control import ControlEvent

Of = TypeVar("Of", Verdict, Folded)


class Begun(NamedTuple):
    """A pane before rules look at it: `awake` models, and the results of commands so far.

    `before` are the releases, as they were, of the models that are not only counted; `live` is what is compared.
    """

    contexts: PaneContexts
    awake: Sequence[str]
    before: dict[str, ShownReleases]
    events: list[ControlEvent]
    live: list[Comparison]


class ShardModels:
    """The models in `state` under one policy, which of several files `takes` those that are its own.

    `takes` tells None of models that are no file's; `arriving` are those that another file had. Most panes are
    uneventful for most models, which are only counted then (`release/uneventful.py`).
    """

    def __init__(
        self,
        policy: Policy,
        state: EvaluationState,
        takes: Callable[[str], bool | None] | None,
        arriving: dict[str, Model],
    ) -> None:
        self._policy, self._state, self._takes, self._arriving = policy, state, takes, arriving
        for name in [name for name in state.models if takes is not None and not takes(name)]:
            state.aside[name] = state.models.pop(name)
        self.contexts = Contexts(policy)
        self.uneventful = Uneventful(policy)
        # The models that a pane without anything of theirs may still change; at first this may be any.
        self.awake = set(state.models)
        # The models whose releases or alerts may have changed since the last call of `moved_models`.
        self.moved = set(state.models)
        self._retarget()

    @property
    def quiet(self) -> bool:
        """Whether the passing of time changes no model before `next_by_time`."""
        return all(self._state.models[name].quiet for name in self.awake)

    def next_by_time(self) -> int:
        """Return the next pane in which the passing of time alone changes a model."""
        return next_by_time((self._state.models[name] for name in self.awake), self._policy, self._state.pane)

    def heard(self, due: Sequence[Due]) -> Sequence[Due]:
        """Leave out items about models that no file takes and that are unknown here: they are another worker's."""
        if self._takes is None or not due:
            return due
        known = (None, "", *self._state.aside, *self._arriving)
        return [each for each in due if each.model in known or self._takes(each.model or "") is not None]

    def begin(self, counts: PaneCounts, on_time: Partial | None, due: Sequence[Due], beyond: Sequence[Folded]) -> Begun:
        """Give models their traffic, the commands that are `due`, and what was `beyond` a limit."""
        state = self._state
        current = Current(state.alone, state.releases, state.listening, state.roster.names)
        contexts = self.contexts.of(counts, state.roster.names, on_time, current)
        came, folded = contexts.traffic.came.keys(), _by_model(beyond)
        by_model = self._addressed(due, came | folded.keys())
        awake = sorted((self.awake | came | by_model.keys() | folded.keys()) & state.models.keys())
        begun = Begun(contexts, awake, {}, [], [])
        for name in awake:
            self._before_rules(name, begun, by_model.get(name, ()), folded.get(name, ()))
        self._obey_unwatched(due, begun)
        if any(isinstance(each, Release) for each in due):
            self._retarget()
        begun.live.extend(self._compared(awake))
        return begun

    def _before_rules(self, name: str, begun: Begun, commands: Sequence[Due], more: Sequence[Folded]) -> None:
        model, traffic = self._state.models[name], begun.contexts.traffic
        if model.releases and may_lose_releases(model, traffic):
            begun.before[name] = shown_releases(model)
        note_pane(model, traffic)
        if not (commands or more) and self.uneventful.before_rules(model, traffic):
            self.uneventful.count_before(model, traffic)
        else:
            begun.before.setdefault(name, shown_releases(model))
            begun.events.extend(begin_pane(model, begun.contexts.of(name), commands, more))

    def conclude(
        self, begun: Begun, verdicts: Sequence[Verdict], found: Mapping[str, Sequence[CanaryFinding]]
    ) -> tuple[list[ControlEvent], list[Rows]]:
        """Give models the verdicts and findings; return the pane's control events, and rows of changed releases."""
        models, before, of_model = self._state.models, begun.before, _by_model(verdicts)
        awake = sorted({*begun.awake, *of_model} & models.keys())
        for name in awake:
            self._after_rules(name, begun, of_model.get(name, ()), found.get(name, ()))
        self.moved |= before.keys()
        after = {name: shown_releases(models.get(name) or self._state.aside[name]) for name in before}
        changed = any(before.values()) or any(after.values())
        rows = [release_rows(before, after, begun.contexts.traffic.pane, self._policy)] if changed else []
        self.awake = {name for name in awake if not models[name].rests}
        return [*begun.events, *self._forget(begun.contexts)], rows

    def _after_rules(
        self, name: str, begun: Begun, changed: Sequence[Verdict], findings: Sequence[CanaryFinding]
    ) -> None:
        model, traffic = self._state.models[name], begun.contexts.traffic
        if self.uneventful.after_rules(model, traffic, changed, findings):
            self.uneventful.count_after(model, traffic)
        else:
            begun.before.setdefault(name, shown_releases(model))
            begun.events.extend(end_pane(model, begun.contexts.of(name), changed, findings))

    def _forget(self, contexts: PaneContexts) -> list[ControlEvent]:
        """Forget models that are not needed, where there are too many; none that had traffic in this pane."""
        events: list[ControlEvent] = []
        forgotten = surplus(self._state.models, self._policy.models_max, self._policy.spread, contexts.traffic.came)
        for name in forgotten:
            self.awake.discard(name)
            self.moved.add(name)
            model = self._state.models.pop(name)
            events += resolve_forgotten(model, contexts.of(name), "served long ago, and forgotten")
        if forgotten:
            self._retarget()
        return events

    def _retarget(self) -> None:
        """Hold versions to the targets of their releases."""
        heeding = [each for each in self._state.alone if isinstance(each, HeldToTargets) and each.rule.release_targets]
        if heeding:
            declared = declared_targets(self._state.models)
            for each in heeding:
                each.retarget(declared, self._state.roster.names)

    def _obey_unwatched(self, due: Sequence[Due], begun: Begun) -> None:
        """Obey what is about models that no file takes; they stay put aside."""
        takes, aside = self._takes, self._state.aside
        for name in sorted({each.model or "" for each in due if takes is not None and takes(each.model or "") is None}):
            if name in self._arriving:
                aside[name] = last_to_speak(aside.get(name), self._arriving.pop(name))
            begun.before[name] = shown_releases(aside[name])
            mine = [each for each in due if each.model == name]
            begun.events.extend(obey_unwatched(aside[name], begun.contexts.of(name), mine))

    def _addressed(self, due: Sequence[Due], rows: Collection[str]) -> Addressed:
        """Return by model the commands and notices that are for it."""
        # What all models are told is for those too that are taken in with this pane: here, and in no other shard.
        self._take_in({each.model for each in due if isinstance(each, TakenIn)})
        state, now = self._state, (self._state.pane + 1) * self._policy.pane_ms
        state.silences, by_model = silenced(state.silences, state.models, due, now)
        if self._takes is not None:
            rows = [name for name in rows if self._takes(name)]
            by_model = {name: each for name, each in by_model.items() if self._takes(name)}
            self._take_in({*rows, *by_model})
            by_model = _to_obey(by_model, state.models)
        state.models, by_model = with_new(state.models, state.silences, rows, by_model, now)
        return by_model

    def _take_in(self, names: Collection[str]) -> None:
        """Let models go on, as something comes of them, that another file had, or none; who said something last."""
        found: dict[str, Model] = {}
        for known in (self._state.aside, self._arriving) if self._state.aside or self._arriving else ():
            for name in [name for name in known if name in names and name not in self._state.models]:
                found[name] = last_to_speak(found.get(name), known.pop(name))
        if found:
            self.moved |= found.keys()
            absences = [each for each in self._state.alone if isinstance(each, AbsenceEvaluator)]
            for model in found.values():
                model.bad.clear()
                for each in absences:
                    expect(model, each, self._state.roster, self._state.pane)
            self._state.models = dict(sorted((self._state.models | found).items()))
            self._retarget()

    def _compared(self, awake: Sequence[str]) -> list[Comparison]:
        return [
            Comparison(
                name,
                release.candidate,
                release.baseline,
                release.since,
                warmed_up(self._state.models[name], release, self._policy),
                max(release.attempt, 1),
            )
            for name in awake  # Every model with a release is.
            for release in self._state.models[name].releases.values()
            if release.compared
        ]


def _to_obey(by_model: Addressed, known: Collection[str]) -> Addressed:
    """Return what there is to obey, by model: one that is taken in may have nothing."""
    left: Addressed = {name: without_start(some) for name, some in by_model.items()}
    return {name: some for name, some in left.items() if some or name in known}


def _by_model(some: Iterable[Of]) -> dict[str, list[Of]]:
    by_model: dict[str, list[Of]] = {}
    for each in some:
        by_model.setdefault(each.series.model if isinstance(each, Verdict) else each.model, []).append(each)
    return by_model
