"""Threshold: the good ratio of an SLI over a window is below its target, for some time, and surely.

At each pane a window is *below* when the one-sided exact upper bound of its good ratio is below the target and more
than one event is bad, *well* when the lower bound is above the target, and *thin* when it holds so few events that it
would not be below even if all were bad (one event at a target of 95 % and confidence 99 %). Bounds: Clopper and
Pearson, see `operators/stats/binomial_tails.py`.

- BAD: below at every pane for `for_ms` of event time. Thin panes neither begin nor break nor prolong that time: a gap
  in the traffic proves nothing.
- OK after BAD: the window is well, or all events since it was last below are, which low traffic needs: a window of 5 m
  at 0.05 requests a second never holds the 90 events that are needed to be sure of 95 %.
- OK otherwise: the window is well. It stays OK while the ratio is no less than the target and the window holds enough
  events to be well at all, so that a ratio close to the target does not flap.
- INSUFFICIENT: anything else. A window that is neither below nor well stops the time for BAD, and leaves BAD as it is.

For an SLI that is estimated, the bounds of the estimate must agree, too (`estimate_bounds.py`).

At a true 97 % and a target of 95 %, over 5 m for 10 m, a bare ratio alarms 25 times a week at 0.05 requests a second;
this rule did so in none of 200 simulated weeks at any of 0.05 .. 5 (tests/bench/simulate_rules.py). A fall to 85 % at 1
request a second is found after a median of 12 minutes, and in 99 of 100 within 15.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, true_at, union_of
from operators.policy.fields import SliName, WholePanes
from operators.policy.policy import Policy
from operators.policy.reading import Confidence, Inner, span
from operators.policy.rules import Rule
from operators.rules.estimate_bounds import estimate_bounds_of, sure_of_estimate, with_estimate_bounds
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import by_threshold
from operators.rules.rings import Ring
from operators.rules.series_state import BAD, INSUFFICIENT, OK, SeriesState, bounded
from operators.rules.targets import (
    TARGET,
    HeldToTargets,
    check_targets,
    fill_targets,
    has_targets,
    targets_at,
    targets_in_words,
)
from operators.rules.threshold_state import (
    FIELDS,
    ThresholdLimits,
    compare,
    count_since,
    count_time,
    stays,
    threshold_words,
)
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.stats.binomial_tails import enough, enough_each, good_most
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.wire.control import Evidence, Word
from operators.wire.events import Id

SIZES = (1, 10, 100, 1_000)  # Numbers of events in a window for which `rollguard check` gives the smallest harm.


class Threshold(Rule, frozen=True, kw_only=True):
    """The good ratio of `sli` over `window_ms` is below `target` for all of `for_ms`, at `confidence`.

    Versions named in `targets`, by patterns as of file names, have the target of the first pattern that fits. With
    `release_targets` a version has the one that its release names, unless `targets` has its exact name.
    """

    sli: SliName
    target: Inner
    targets: dict[Id, Inner] = msgspec.field(default_factory=dict)
    release_targets: bool = False
    window_ms: Annotated[int, WholePanes()]
    for_ms: Annotated[int, WholePanes(least=0)] = 0
    confidence: Confidence = 0.99

    @property
    def sli_names(self) -> tuple[str, ...]:
        return (self.sli,)

    @property
    def lasting_ms(self) -> int:
        return self.for_ms


class ThresholdEvaluator(HeldToTargets):
    """Keeps the ring of the window, and by slot the time it has been below. One pane of 300 series: 0.3 ms."""

    still: bool | None = False  # Whether an empty pane would change nothing, with these sums; None: not worked out yet.

    def __init__(self, rule: Threshold, policy: Policy) -> None:
        self.rule = rule
        self._sli = [sli.name for sli in policy.slis].index(rule.sli)
        self._run_min = rule.for_ms // policy.pane_ms + 1  # From the end of the first pane to the end of the last.
        self._thin = enough(1.0 - rule.target, rule.confidence)
        self._well_min = enough(rule.target, rule.confidence)
        self._ring = Ring(rule.window_ms // policy.pane_ms, self._sli)
        self._series_state = SeriesState(rule, policy, [*FIELDS, *([TARGET] if has_targets(rule) else [])])
        self.bounds = estimate_bounds_of(policy, self._sli, rule.window_ms)

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane; `windows` are not needed."""
        if not len(counts.slots) and counts.pane < self.still_until():
            self._series_state.pane = counts.pane
            return []
        self._series_state.grow(names)
        fill_targets(self._series_state.kept, self.rule, names, self._declared)
        return self.step_alike([self], self._series_state.kept, self.limits_of([self]), counts, names)[0]

    @property
    def alike(self) -> Hashable | None:
        if has_targets(self.rule) or self.bounds is not None:
            return None
        return self._sli, self.rule.window_ms, self._series_state.about

    @property
    def state(self) -> SeriesState:
        return self._series_state

    @property
    def rings(self) -> Sequence[Ring]:
        return (self._ring,)

    @staticmethod
    def limits_of(rules: Sequence["ThresholdEvaluator"]) -> ThresholdLimits:
        """Return the limits of rules for all series; a rule with targets of versions is stepped alone."""
        first = rules[0]
        if has_targets(first.rule):
            return first._limits_by_slot()
        each = [(one.rule.target, one.rule.confidence, one._thin, one._well_min, one._run_min) for one in rules]
        if len(rules) == 1:
            return ThresholdLimits(*each[0])
        return ThresholdLimits(*(np.array(column)[:, None] for column in zip(*each, strict=True)))

    @staticmethod
    def step_alike(
        rules: Sequence["ThresholdEvaluator"],
        kept: NDArray[Any],
        limits: ThresholdLimits,
        counts: PaneCounts,
        names: Sequence[SliceSeries],
    ) -> list[list[Verdict]]:
        """Take the next pane for rules that are alike; return what changed, rule by rule."""
        first = rules[0]
        for each in rules:
            each._series_state.pane = counts.pane
        slots, rows = first._series_state.note(kept, counts)
        row_of = [kept] if len(rules) == 1 else list(kept)
        before = None if len(slots) else [row.tobytes() for row in row_of]
        moved = first._push(counts, slots, rows, len(names))
        for each in rules[1:]:
            each._ring.follow(first._ring)
        totals = first._ring.totals
        if len(moved):
            first._compare_each(kept, moved, limits)
        count_time(kept, totals, limits, counts.pane)
        if len(slots):
            count_since(kept, slots, counts.slis[rows, first._sli, :2])
        word = threshold_words(kept, totals, limits)
        changed = np.atleast_2d(word != kept["word"])
        kept["word"] = word
        for at, each in enumerate(rules):
            same = before is not None and before[at] == row_of[at].tobytes()
            each.still = None if before is None and each.bounds is None else same
        if not changed.any():
            return [[] for _ in rules]
        places = np.flatnonzero(changed.any(axis=1)).tolist()
        verdicts = {at: rules[at]._verdicts(np.flatnonzero(changed[at]), names) for at in places}
        return [verdicts.get(at, []) for at in range(len(rules))]

    @staticmethod
    def look(rules: Sequence["ThresholdEvaluator"], kept: NDArray[Any], limits: ThresholdLimits) -> None:
        """Set `still` of rules that are alike: whether an empty pane would change nothing."""
        for each, still in zip(rules, stays(kept, rules[0]._ring.totals, limits).tolist(), strict=True):
            each.still = still

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        return word, None if word is None else self._verdicts(np.array([slot]), names)[0].evidence

    @property
    def quiet(self) -> bool:
        """Whether all windows are empty: they are thin then, and nothing changes."""
        return self._ring.quiet

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        if self.still is None:
            self.look([self], self._series_state.kept, self.limits_of([self]))
        return self._ring.still_until if self.still else 0

    def rest(self, pane: int) -> None:
        self._series_state.pane = pane

    def held(self) -> Ints:
        known = self._ring.totals.any(axis=1) | self._series_state.remembered()
        return np.flatnonzero(known if self.bounds is None else known | self.bounds.held())

    def only(self, slots: Ints) -> None:
        self._ring.only(slots)
        if self.bounds is not None:
            self.bounds.only(slots)
        self._series_state.only(slots)

    def _push(self, counts: PaneCounts, slots: Ints, rows: Ints, many: int) -> Ints:
        """Move the window on; return the slots whose sums have changed.

        Without an estimate, slots whose sums have not changed may be among them: they come to the same result again.
        """
        self._ring.grow(many)
        if self.bounds is None:
            return union_of(self._ring.push(counts, slots, rows))
        before = self._ring.totals.copy()
        self._ring.push(counts, slots, rows)
        self.bounds.grow(many)
        self.bounds.push(counts, slots, rows)
        return true_at((self._ring.totals != before).any(axis=1))

    def _compare(self, slots: Ints) -> None:
        self._compare_each(self._series_state.kept, slots, self.limits_of([self]))

    def _compare_each(self, kept: NDArray[Any], slots: Ints, limits: ThresholdLimits) -> None:
        """Compare the windows of some slots with the targets of each rule."""
        below, well = compare(slots, self._ring.totals, limits)
        if self.bounds is not None:
            below, well = sure_of_estimate(self.bounds, slots, limits.at(slots), self.rule.confidence, (below, well))
        kept["below"][..., slots] = below
        kept["well"][..., slots] = well

    def _limits_by_slot(self) -> ThresholdLimits:
        targets, confidence = self._series_state.kept["target"], self.rule.confidence
        thin, well = enough_each(1.0 - targets, confidence), enough_each(targets, confidence)
        return ThresholdLimits(targets, confidence, thin, well, self._run_min)

    def _verdicts(self, slots: Ints, names: Sequence[SliceSeries]) -> list[Verdict]:
        kept, rule = self._series_state.kept[slots], self.rule
        # A series may be OK by the events since it was last below, though its window alone does not show it.
        after = (kept["word"] == OK) & ~kept["well"]
        totals = np.where(after[:, None], kept["after"], self._ring.totals[slots])
        good, n = totals[:, 0], totals.sum(axis=1)
        target = np.broadcast_to(targets_at(kept, rule), len(kept))
        could = np.where(kept["word"] == INSUFFICIENT, good_most(n, target, rule.confidence), -1)
        verdicts = []
        every = bounded(good, n, rule.confidence)
        if self.bounds is not None:
            every = with_estimate_bounds(self.bounds, slots, rule.confidence, every)
        for row, measured in enumerate(every):
            evidence = Evidence(
                sli=rule.sli,
                good=int(good[row]),
                bad=int(n[row] - good[row]),
                **measured,
                confidence=rule.confidence,
                threshold=float(target[row]),
                window_ms=None if after[row] else rule.window_ms,
                detectable=float(target[row] - could[row] / n[row]) if could[row] >= 0 else None,
                since=int(kept["since"][row]) * self._series_state.pane_ms if kept["word"][row] == BAD else None,
                reason="all that came since it last was below" if after[row] else None,
            )
            verdicts.append(self._series_state.verdict(int(slots[row]), names, evidence))
        return verdicts


def _when(rule: Threshold) -> str:
    lasting = f" for {span(rule.for_ms)}" if rule.for_ms else ""
    others = targets_in_words(rule)
    return f"{rule.sli} surely below {rule.target:.6g}{others} over {span(rule.window_ms)}{lasting}"


def _detects(rule: Threshold) -> Iterator[str]:
    for n, most in zip(SIZES, good_most(np.array(SIZES), rule.target, rule.confidence).tolist(), strict=True):
        yield f"of {n:,}: " + ("nothing" if most < 0 else f"{most / n:.1%} good")


KIND = RuleKind(
    name="threshold",
    rule=Threshold,
    evaluator=ThresholdEvaluator,
    recovery=by_threshold,
    when=_when,
    detects=_detects,
    check=check_targets,
    saved=(
        Saved("rule.threshold", Threshold),
        Saved(
            "threshold",
            ThresholdEvaluator,
            ("rule", "_sli", "_run_min", "_thin", "_well_min", "_ring", "_series_state", "bounds"),
            derived=("still", "_declared"),
            added={"bounds": lambda: None},
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
