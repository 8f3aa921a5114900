"""All rules and releases of one shard, moved on pane by pane: what changed comes out as verdicts and control events.

The order of one pane: commands and traffic of each model (`controller.begin_pane`); rules on each series, canaries,
monitors and the rules that listen to these; then what follows from the verdicts (`controller.end_pane`).

A function of the closed panes alone. Panes in which nothing came in are stepped through one by one while anything
could change with time, and skipped otherwise, so it does not matter which of the empty panes arrive here.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.drift.monitors import Monitors
from operators.drift.results import Monitored
from operators.evaluation_state import EvaluationState, PaneOutcome, begun, gone_on, gone_over
from operators.policy.policy import CountColumns, Policy
from operators.release.command_rows import command_rows
from operators.release.copies import as_copies
from operators.release.estimated_evidence import with_estimates
from operators.release.forgetting import REMEMBERED_MIN
from operators.release.lately import note_found
from operators.release.model import CanaryFinding, Model
from operators.rules.alike import RulePasses
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_promotion import CanaryResult
from operators.rules.comparison import Comparison
from operators.rules.labels import labels_of
from operators.rules.pane_counts import PaneCounts
from operators.rules.spreads import spreads_of
from operators.rules.unserved import Rings
from operators.rules.verdict import Verdict
from operators.shard_models import Begun, ShardModels
from operators.store.rows import Column, Rows
from operators.window.pane_items import Closed
from operators.window.pane_lengths import PaneLengths
from operators.window.partial import Partial
from operators.window.sliding import WindowCounts
from operators.window.waiting_commands import Due
from operators.window.watermark import NEVER
from operators.window.windows import PaneWithWindows

SLOTS_MIN = 1_000  # With fewer slots than this it is not worth freeing any.
LATELY = 60  # Panes: a series without events for so long may give up its slot.


class ShardEvaluation:
    """The rules, monitors and releases of one shard; `state` is all it keeps.

    Of several policy files `takes` tells which models are this one's, None where they are no file's. Events of other
    models may still be counted here, from when they were this one's. `arriving` are those that another file had.
    """

    def __init__(
        self,
        policy: Policy,
        saved: EvaluationState | None = None,
        had: CountColumns | None = None,
        takes: Callable[[str], bool | None] | None = None,
        arriving: dict[str, Model] | None = None,
    ) -> None:
        self.policy, self._takes = policy, takes
        lengths = PaneLengths((had.pane_ms if had else 0) or policy.pane_ms, policy.pane_ms)
        self.monitors = Monitors(policy, None if saved is None else saved.monitors, lengths)
        new = begun(policy, self.monitors.state)
        if saved is None:
            self.state = new
        elif lengths.same:
            self.state = gone_on(policy, new, saved, self.monitors.kept)
        else:
            self.state = gone_over(policy, new, saved, lengths)
        self._passes = RulePasses(self.state.alone)
        self.slots_max = SLOTS_MIN
        self._models = ShardModels(policy, self.state, takes, {} if arriving is None else arriving)

    def moved_models(self) -> set[str]:
        """Return the models whose releases or alerts may have changed since the last call; some of them may be gone."""
        moved, self._models.moved = self._models.moved, set()
        return moved

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
            # The last ones are taken in any case: what is said next rests on what they hold.
            last = not windows or windows[0].end_ms > before
            if last or self._still_until(ended) <= pane:
                out += self._pass(pane)
                if last or self._still_until(ended) <= pane:
                    out.append(self._step(self.state.roster.count(pane, None), (), ended))
            self.state.pane = pane
        out += self._pass(closed.pane)
        came = closed.on_time is not None or closed.commands or closed.folded or windows
        if came or not self._quiet() or self._models.next_by_time() <= closed.pane:
            counts = self.state.roster.count(closed.pane, closed.on_time)
            out.append(self._step(counts, closed.commands, windows, closed))
        if len(self.state.roster.names) > self.slots_max:
            self._make_room()
        return [outcome for outcome in out if not outcome.empty]

    def _pass(self, pane: int) -> list[PaneOutcome]:
        """Let time pass up to the pane before this one."""
        out, at = list[PaneOutcome](), self.state.pane + 1
        while self.state.pane != NEVER and at < pane:
            still = self._models.next_by_time() if (quiet := self._quiet()) else self._still_until()
            if still >= pane:
                if not quiet:
                    self._rest(pane - 1)
                break
            at = max(at, still)
            out.append(self._step(self.state.roster.count(at, None), (), ()))
            at += 1
        return out

    def _rest(self, pane: int) -> None:
        """Let time pass up to a pane before which nothing changes."""
        self.state.pane = pane
        for each in self.state.alone:
            each.rest(pane)

    def _still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        """Return a pane before which no empty one would change anything, nor `windows`; 0 where that is not known.

        That is where all models rest, and all rules and monitors stay as they are.
        """
        if self._models.awake or not all(each.quiet for each in self.state.releases):
            return 0
        return min(self._passes.still_until(windows), self.monitors.still_until(self.state.pane))

    def _quiet(self) -> bool:
        rules_quiet = self._passes.quiet and all(each.quiet for each in self.state.releases)
        return rules_quiet and self.monitors.quiet and self._models.quiet

    def _step(
        self,
        counts: PaneCounts,
        due: Sequence[Due],
        windows: Sequence[WindowCounts],
        closed: Closed | None = None,
    ) -> PaneOutcome:
        self.state.pane, due = counts.pane, self._models.heard(due)
        if closed is None and self._at_rest:
            return self._step_at_rest(counts, windows)
        on_time, end = (None, False) if closed is None else (closed.on_time, closed.end)
        begun = self._models.begin(counts, on_time, due, () if closed is None else closed.folded)
        stored = [command_rows(due, begun.events, (counts.pane + 1) * self.policy.pane_ms)] if due else []
        verdicts = self._alone(counts, windows)
        changes, found, evidence = self._compare(counts, begun.live, on_time)
        drift, heard = self._monitor(counts.pane, begun.live, on_time, end)
        return self._conclude(begun, [*verdicts, *changes, *heard], found, drift, [*stored, *evidence])

    @property
    def _at_rest(self) -> bool:
        """Whether no model is awake, no release is compared, and the policy in force is stored."""
        compares = any(each.live != set() for each in self.state.releases)
        return not (self._models.awake or compares) and self.state.policy == self.policy.hash

    def _step_at_rest(self, counts: PaneCounts, windows: Sequence[WindowCounts]) -> PaneOutcome:
        """Step an empty pane in which no model is awake and none has a release: rules and monitors alone may speak."""
        verdicts = self._alone(counts, windows)
        drift, heard = self._monitor(counts.pane, (), None, False)
        verdicts += heard
        if verdicts or len(self.state.models) > REMEMBERED_MIN:
            return self._conclude(self._models.begin(counts, None, (), ()), verdicts, {}, drift, ())
        return PaneOutcome(verdicts=[], events=[], drift=drift, rows=[])

    def _alone(self, counts: PaneCounts, windows: Sequence[WindowCounts]) -> list[Verdict]:
        """Step the rules that judge each series by itself; return what changed."""
        names = self.state.roster.names
        return [one for each in self._passes.step(counts, windows, names) for one in _ordered(each)]

    def _conclude(
        self,
        begun: Begun,
        verdicts: list[Verdict],
        found: Mapping[str, Sequence[CanaryFinding]],
        drift: Monitored,
        stored: Sequence[Rows],
    ) -> PaneOutcome:
        """Give models the verdicts and findings; return all that the pane came to, with what is `stored` of it."""
        if self._takes is not None:
            verdicts = [verdict for verdict in verdicts if self._takes(verdict.series.model)]
        verdicts = with_estimates(verdicts, self.policy)
        events, released = self._models.conclude(begun, verdicts, found)
        rows = [*stored, *released, *self._policy_rows(begun.contexts.traffic.pane)]
        return PaneOutcome(verdicts=verdicts, events=events, drift=drift, rows=[some for some in rows if len(some)])

    def _compare(
        self, counts: PaneCounts, live: Sequence[Comparison], on_time: Partial | None
    ) -> tuple[list[Verdict], dict[str, list[CanaryFinding]], list[Rows]]:
        """Step the canaries; return what changed, what they find of each model's releases, and what from."""
        verdicts: list[Verdict] = []
        found: dict[str, list[CanaryFinding]] = {}
        stored: list[Rows] = []
        names, delays = self.state.roster.names, self.state.delays
        labels = labels_of(on_time, self.policy)
        spreads = spreads_of(on_time if live else None, self._models.contexts.leaves)
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

    def _rings(self, live: Sequence[Comparison]) -> Rings:
        """Return the slices to which releases were declared to be limited."""
        declared = {each: self.state.models[each.model].releases[each.candidate].declared for each in live}
        return {each: command.rings for each, command in declared.items() if command is not None and command.rings}

    def _warming(self, live: Sequence[Comparison], pane: int) -> list[Comparison]:
        """Return the releases whose comparison leaves a pane out, as the candidate has just got a larger share."""
        return [each for each in live if pane < self.state.models[each.model].releases[each.candidate].warm_until]

    def _make_room(self) -> None:
        """Free the slots of series that are gone once most are: versions come and go, and memory must not grow.

        A series stays while a rule keeps something about it, or events of it came in lately.
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
