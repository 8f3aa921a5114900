"""All rules and releases of one shard, moved on pane by pane: what changed comes out as verdicts and control events.

The order of one pane: commands and traffic of each model (`controller.begin_pane`); rules on each series, canaries,
monitors and the rules that listen to these; then what follows from the verdicts (`controller.end_pane`).

A function of the closed panes alone. Panes in which nothing came in are stepped through one by one while anything
could change with time, and skipped otherwise, so it does not matter which of the empty panes arrive here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.drift.monitors import Monitors
from operators.drift.results import Monitored
from operators.evaluation_state import EvaluationState, PaneOutcome, begun, gone_on, gone_over
from operators.policy.policy import CountColumns, Policy
from operators.release.addressing import Addressed, silenced, with_new
from operators.release.alert_events import resolve_forgotten
from operators.release.by_time import next_by_time
from operators.release.command_rows import command_rows
from operators.release.contexts import Contexts, PaneContexts
from operators.release.controller import begin_pane, end_pane, note_pane
from operators.release.copies import as_copies
from operators.release.declared_targets import declared_targets
from operators.release.discovery import may_lose_releases
from operators.release.estimated_evidence import with_estimates
from operators.release.forgetting import REMEMBERED_MIN, surplus
from operators.release.lately import note_found
from operators.release.model import CanaryFinding, Model
from operators.release.other_policy import last_to_speak
from operators.release.release_rows import ShownReleases, release_rows, shown_releases
from operators.release.uneventful import Uneventful
from operators.release.unwatched import obey_unwatched
from operators.release.warming import warmed_up
from operators.rules.alike import RulePasses
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_promotion import CanaryResult
from operators.rules.comparison import Comparison
from operators.rules.current import Current
from operators.rules.labels import labels_of
from operators.rules.pane_counts import PaneCounts
from operators.rules.spreads import spreads_of
from operators.rules.targets import HeldToTargets
from operators.rules.unserved import Rings
from operators.rules.verdict import Verdict
from operators.store.rows import Column, Rows
from operators.window.folded import Folded
from operators.window.pane_lengths import PaneLengths
from operators.window.panes import Closed
from operators.window.partial import Partial
from operators.window.sliding import WindowCounts
from operators.window.waiting_commands import Due
from operators.window.watermark import NEVER
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Release
from operators.wire.control import ControlEvent

Of = TypeVar("Of", Verdict, Folded)
SLOTS_MIN = 1_000  # Fewer slots than this are not worth making anew.
LATELY = 60  # Panes: a series that nothing came in for in so many may give up its slot.


class _Begun(NamedTuple):
    """A pane before rules look at it: `awake` models, and what has come of commands so far.

    `before` are the releases, as they were, of the models that are not only counted.
    """

    contexts: PaneContexts
    awake: Sequence[str]
    before: dict[str, ShownReleases]
    events: list[ControlEvent]
    stored: list[Rows]


class ShardEvaluation:
    """The rules, monitors and releases of one shard; `state` is all it keeps.

    Of several policy files `takes` tells which models are this one's, None where they are no file's: of others
    something may still be counted here that came while they were. `arriving` are those that another file had.
    """

    def __init__(
        self,
        policy: Policy,
        saved: EvaluationState | None = None,
        had: CountColumns | None = None,
        takes: Callable[[str], bool | None] | None = None,
        arriving: dict[str, Model] | None = None,
    ) -> None:
        self.policy, self._takes, self._arriving = policy, takes, {} if arriving is None else arriving
        lengths = PaneLengths((had.pane_ms if had else 0) or policy.pane_ms, policy.pane_ms)
        self.monitors = Monitors(policy, None if saved is None else saved.monitors, lengths)
        new = begun(policy, self.monitors.state)
        if saved is None:
            self.state = new
        elif lengths.same:
            self.state = gone_on(policy, new, saved, self.monitors.kept)
        else:
            self.state = gone_over(policy, new, saved, lengths)
        for name in [name for name in self.state.models if takes is not None and not takes(name)]:
            self.state.aside[name] = self.state.models.pop(name)
        self._passes = RulePasses(self.state.alone)
        self.slots_max = SLOTS_MIN
        self._contexts = Contexts(policy)
        self._uneventful = Uneventful(policy)
        # The models in which a pane without anything of them may leave a trace; at first nobody knows which do.
        self._awake = set(self.state.models)
        self._retarget()

    def push(self, moved: PaneWithWindows) -> list[PaneOutcome]:
        """Take a closed pane, and the windows that ended with it or in the quiet panes before it."""
        out: list[PaneOutcome] = []
        closed = moved.closed
        if closed.anew:
            self.state.pane = closed.pane
            return []
        part = as_copies(closed.on_time, self.state.models, closed.commands)
        if part is not closed.on_time:
            closed = msgspec.structs.replace(closed, on_time=part)
        windows = sorted(moved.windows, key=lambda each: each.end_ms)
        before = closed.pane * self.policy.pane_ms
        while windows and windows[0].end_ms <= before:
            pane = windows[0].end_ms // self.policy.pane_ms - 1
            ended = [each for each in windows if each.end_ms == windows[0].end_ms]
            windows = windows[len(ended) :]
            # The last ones are taken in any case: what is said next is by what they hold.
            last = not windows or windows[0].end_ms > before
            if last or self._still_until(ended) <= pane:
                out += self._pass(pane)
                if last or self._still_until(ended) <= pane:
                    out.append(self._step(self.state.roster.count(pane, None), (), ended))
            self.state.pane = pane
        out += self._pass(closed.pane)
        came = closed.on_time is not None or closed.commands or closed.folded or windows
        if came or not self._quiet() or self._next_by_time() <= closed.pane:
            counts = self.state.roster.count(closed.pane, closed.on_time)
            out.append(self._step(counts, closed.commands, windows, closed))
        if len(self.state.roster.names) > self.slots_max:
            self._make_room()
        return [outcome for outcome in out if not outcome.empty]

    def _pass(self, pane: int) -> list[PaneOutcome]:
        """Let time pass up to the pane before this one."""
        out, at = list[PaneOutcome](), self.state.pane + 1
        while self.state.pane != NEVER and at < pane:
            still = self._next_by_time() if (quiet := self._quiet()) else self._still_until()
            if still >= pane:
                if not quiet:
                    self._rest(pane - 1)
                break
            at = max(at, still)
            out.append(self._step(self.state.roster.count(at, None), (), ()))
            at += 1
        return out

    def _rest(self, pane: int) -> None:
        """Let time pass up to a pane before which nothing changes: it is what is known before the next one."""
        self.state.pane = pane
        for each in self.state.alone:
            each.rest(pane)

    def _still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        """Return a pane before which no empty one would change anything, nor `windows`; 0 where that is not known.

        That is where all models rest, and all rules and monitors stay as they are.
        """
        if self._awake or not all(each.quiet for each in self.state.releases):
            return 0
        return min(self._passes.still_until(windows), self.monitors.still_until(self.state.pane))

    def _quiet(self) -> bool:
        models = (self.state.models[name] for name in self._awake)
        rules_quiet = self._passes.quiet and all(each.quiet for each in self.state.releases)
        return rules_quiet and self.monitors.quiet and all(model.quiet for model in models)

    def _next_by_time(self) -> int:
        return next_by_time((self.state.models[name] for name in self._awake), self.policy, self.state.pane)

    def _step(
        self,
        counts: PaneCounts,
        due: Sequence[Due],
        windows: Sequence[WindowCounts],
        closed: Closed | None = None,
    ) -> PaneOutcome:
        self.state.pane, due = counts.pane, self._heard(due)
        if closed is None and self._at_rest:
            return self._step_at_rest(counts, windows)
        on_time, end = (None, False) if closed is None else (closed.on_time, closed.end)
        begun = self._begun(counts, on_time, due, () if closed is None else closed.folded)
        if any(isinstance(each, Release) for each in due):
            self._retarget()
        if due:
            begun.stored.append(command_rows(due, begun.events, (counts.pane + 1) * self.policy.pane_ms))
        live = self._releases(begun.awake)
        verdicts = self._alone(counts, windows)
        changes, found, evidence = self._compare(counts, live, on_time)
        begun.stored.extend(evidence)
        drift, heard = self._monitor(counts.pane, live, on_time, end)
        return self._conclude(counts, begun, [*verdicts, *changes, *heard], found, drift)

    @property
    def _at_rest(self) -> bool:
        """Whether no model is awake, so that nothing of any is compared: none with a release rests."""
        compares = any(each.live != set() for each in self.state.releases)
        return not (self._awake or compares) and self.state.policy == self.policy.hash

    def _step_at_rest(self, counts: PaneCounts, windows: Sequence[WindowCounts]) -> PaneOutcome:
        """Step an empty pane in which no model is awake and none has a release: rules and monitors alone may speak."""
        verdicts = self._alone(counts, windows)
        drift, heard = self._monitor(counts.pane, (), None, False)
        verdicts += heard
        if verdicts or len(self.state.models) > REMEMBERED_MIN:
            return self._conclude(counts, self._begun(counts, None, (), ()), verdicts, {}, drift)
        return PaneOutcome(verdicts=[], events=[], drift=drift, rows=[])

    def _alone(self, counts: PaneCounts, windows: Sequence[WindowCounts]) -> list[Verdict]:
        """Step the rules that judge each series by itself; return what changed."""
        names = self.state.roster.names
        return [one for each in self._passes.step(counts, windows, names) for one in _ordered(each)]

    def _begun(
        self, counts: PaneCounts, on_time: Partial | None, due: Sequence[Due], beyond: Sequence[Folded]
    ) -> _Begun:
        """Let models take what came in, the commands that are `due`, and what was `beyond` a limit."""
        names = self.state.roster.names
        current = Current(self.state.alone, self.state.releases, self.state.listening, names)
        contexts = self._contexts.of(counts, names, on_time, current)
        came, folded = contexts.traffic.came.keys(), _by_model(beyond)
        by_model = self._addressed(due, came | folded.keys())
        models, events = self.state.models, list[ControlEvent]()
        awake = sorted((self._awake | came | by_model.keys() | folded.keys()) & models.keys())
        traffic, before = contexts.traffic, dict[str, ShownReleases]()
        for name in awake:
            model, commands, more = models[name], by_model.get(name, ()), folded.get(name, ())
            if model.releases and may_lose_releases(model, traffic):
                before[name] = shown_releases(model)
            note_pane(model, traffic)
            if not (commands or more) and self._uneventful.before_rules(model, traffic):
                self._uneventful.count_before(model, traffic)
            else:
                before.setdefault(name, shown_releases(model))
                events += begin_pane(model, contexts.of(name), commands, more)
        events += self._obey_unwatched(due, contexts, before)
        return _Begun(contexts, awake, before, events, [])

    def _conclude(
        self,
        counts: PaneCounts,
        begun: _Begun,
        verdicts: list[Verdict],
        found: Mapping[str, Sequence[CanaryFinding]],
        drift: Monitored,
    ) -> PaneOutcome:
        """Let models take the verdicts and findings; return all that the pane came to."""
        models, events, stored = self.state.models, begun.events, begun.stored
        traffic, before = begun.contexts.traffic, begun.before
        if self._takes is not None:
            verdicts = [verdict for verdict in verdicts if self._takes(verdict.series.model)]
        verdicts = with_estimates(verdicts, self.policy)
        of_model = _by_model(verdicts)
        awake = sorted({*begun.awake, *of_model} & models.keys())
        for name in awake:
            model, changed, findings = models[name], of_model.get(name, ()), found.get(name, ())
            if self._uneventful.after_rules(model, traffic, changed, findings):
                self._uneventful.count_after(model, traffic)
            else:
                before.setdefault(name, shown_releases(model))
                events += end_pane(model, begun.contexts.of(name), changed, findings)
        after = {name: shown_releases(models.get(name) or self.state.aside[name]) for name in before}
        if any(before.values()) or any(after.values()):
            stored.append(release_rows(before, after, counts.pane, self.policy))
        stored += self._policy_rows(counts.pane)
        self._awake = {name for name in awake if not models[name].rests}
        events += self._forget(begun.contexts)
        return PaneOutcome(verdicts=verdicts, events=events, drift=drift, rows=[some for some in stored if len(some)])

    def _retarget(self) -> None:
        """Hold versions to what their releases say."""
        heeding = [each for each in self.state.alone if isinstance(each, HeldToTargets) and each.rule.release_targets]
        if heeding:
            declared = declared_targets(self.state.models)
            for each in heeding:
                each.retarget(declared, self.state.roster.names)

    def _compare(
        self, counts: PaneCounts, live: Sequence[Comparison], on_time: Partial | None
    ) -> tuple[list[Verdict], dict[str, list[CanaryFinding]], list[Rows]]:
        """Step the canaries; return what changed, what they find of each model's releases, and what from."""
        verdicts: list[Verdict] = []
        found: dict[str, list[CanaryFinding]] = {}
        stored: list[Rows] = []
        names, delays = self.state.roster.names, self.state.delays
        labels = labels_of(on_time, self.policy)
        spreads = spreads_of(on_time if live else None, self._contexts.leaves)
        rings, warming = self._rings(live), self._warming(live, counts.pane)
        for each in self.state.releases:
            changes, results, evidence = each.step(
                counts, names, live, labels, delays, spreads, self.policy.hash, rings, warming
            )
            verdicts += _ordered(changes)
            stored += evidence
            for release, result in results.items():
                found.setdefault(release.model, []).append(_finding(each, release, result))
        delays.add(counts.pane, self.policy.pane_ms, labels)
        return verdicts, found, stored

    def _monitor(
        self, pane: int, live: Sequence[Comparison], on_time: Partial | None, end: bool
    ) -> tuple[Monitored, list[Verdict]]:
        """Step the monitors; return what they find, and what changed of the rules that listen to them."""
        arms = {(release.model, release.candidate): release.baseline for release in live}
        drift = self.monitors.step(pane, on_time, arms, end)
        note_found(self.state.models, drift.heard)
        return drift, [one for each in self.state.listening for one in _ordered(each.step(pane, drift.heard))]

    def _policy_rows(self, pane: int) -> list[Rows]:
        """Return the policy as a row, with the first pane of the shard that is judged by it."""
        if self.state.policy == self.policy.hash:
            return []
        self.state.policy = self.policy.hash
        at = (pane + 1) * self.policy.pane_ms
        columns: dict[str, Column] = {"hash": [self.policy.hash], "at": [at], "toml": [self.policy.text], "ver": [1]}
        return [Rows(table="policy", columns=columns)]

    def _forget(self, contexts: PaneContexts) -> list[ControlEvent]:
        """Forget models that nobody needs, where there are too many; none that something came in for."""
        events: list[ControlEvent] = []
        forgotten = surplus(self.state.models, self.policy.models_max, self.policy.spread, contexts.traffic.came)
        for name in forgotten:
            self._awake.discard(name)
            model = self.state.models.pop(name)
            events += resolve_forgotten(model, contexts.of(name), "served long ago, and forgotten")
        if forgotten:
            self._retarget()
        return events

    def _heard(self, due: Sequence[Due]) -> Sequence[Due]:
        """Leave out what is about models that no file takes, and nothing is known of: they are another worker's."""
        if self._takes is None or not due:
            return due
        known = (None, "", *self.state.aside, *self._arriving)
        return [each for each in due if each.model in known or self._takes(each.model or "") is not None]

    def _obey_unwatched(
        self, due: Sequence[Due], contexts: PaneContexts, before: dict[str, ShownReleases]
    ) -> list[ControlEvent]:
        """Obey what is about models that no file takes; they stay put aside."""
        events: list[ControlEvent] = []
        unwatched = {
            each.model or "" for each in due if self._takes is not None and self._takes(each.model or "") is None
        }
        for name in sorted(unwatched):
            if name in self._arriving:
                self.state.aside[name] = last_to_speak(self.state.aside.get(name), self._arriving.pop(name))
            model = self.state.aside[name]
            before[name] = shown_releases(model)
            events += obey_unwatched(model, contexts.of(name), [each for each in due if each.model == name])
        return events

    def _addressed(self, due: Sequence[Due], rows: Collection[str]) -> Addressed:
        """Return by model the commands and notices that are for it."""
        state, now = self.state, (self.state.pane + 1) * self.policy.pane_ms
        state.silences, by_model = silenced(
            state.silences, state.models, due, now, {rule.name for rule in self.policy.rules}
        )
        if self._takes is not None:
            rows = [name for name in rows if self._takes(name)]
            by_model = {name: each for name, each in by_model.items() if self._takes(name)}
            self._take_in({*rows, *by_model})
        state.models, by_model = with_new(state.models, state.silences, rows, by_model, now)
        return by_model

    def _take_in(self, names: Collection[str]) -> None:
        """Let models go on, as something comes of them, that another file had, or none; who said something last."""
        found: dict[str, Model] = {}
        for known in (self.state.aside, self._arriving) if self.state.aside or self._arriving else ():
            for name in [name for name in known if name in names and name not in self.state.models]:
                found[name] = last_to_speak(found.get(name), known.pop(name))
        if found:
            for model in found.values():
                model.bad.clear()
            self.state.models = dict(sorted((self.state.models | found).items()))
            self._retarget()

    def _releases(self, awake: Sequence[str]) -> list[Comparison]:
        return [
            Comparison(
                name,
                release.candidate,
                release.baseline,
                release.since,
                warmed_up(self.state.models[name], release, self.policy),
                max(release.attempt, 1),
            )
            for name in awake  # Every model with a release is.
            for release in self.state.models[name].releases.values()
            if release.compared
        ]

    def _rings(self, live: Sequence[Comparison]) -> Rings:
        """Return the slices to which releases were declared to be limited."""
        declared = {each: self.state.models[each.model].releases[each.candidate].declared for each in live}
        return {each: command.rings for each, command in declared.items() if command is not None and command.rings}

    def _warming(self, live: Sequence[Comparison], pane: int) -> list[Comparison]:
        """Return of which releases a pane is left out, as the candidate has just got a larger share."""
        return [each for each in live if pane < self.state.models[each.model].releases[each.candidate].warm_until]

    def _make_room(self) -> None:
        """Take slots from series that are gone once they are the most: versions come and go, memory must not grow.

        A series is there that a rule still keeps something about, or that something came in for lately.
        """
        roster = self.state.roster
        kept = [each.held() for each in self.state.alone]
        here = np.unique(np.concatenate([roster.seen_since(roster.pane - LATELY), *kept]))
        self.slots_max = max(SLOTS_MIN, 2 * len(here))
        if 2 * len(here) < len(roster.names):
            self._renumber(here)

    def _renumber(self, slots: Ints) -> None:
        for each in self.state.alone:
            each.only(slots)
        self.state.roster.only(slots)


def _by_model(some: Iterable[Of]) -> dict[str, list[Of]]:
    by_model: dict[str, list[Of]] = {}
    for each in some:
        by_model.setdefault(each.series.model if isinstance(each, Verdict) else each.model, []).append(each)
    return by_model


def _ordered(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Sort verdicts by series: slots follow the order in which partitions were read, and the output must not."""
    return sorted(verdicts, key=lambda verdict: verdict.series[:3])


def _finding(evaluator: CanaryEvaluator, release: Comparison, result: CanaryResult) -> CanaryFinding:
    return CanaryFinding(
        rule=evaluator.rule,
        candidate=release.candidate,
        word=result.word,
        whole=result.whole,
        bad=result.bad,
        far=result.far,
        evidence=result.evidence,
        alone=result.alone,
        unserved=result.unserved,
        doubtful=result.doubtful,
        elsewhere=result.elsewhere,
    )
