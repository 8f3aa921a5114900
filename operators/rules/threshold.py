"""Threshold: the good ratio of an SLI over a window is below its target, for some time, and surely.

At each pane a window is *below* when the one-sided exact upper bound of its good ratio is below the target and more
than one event is bad, *well* when the lower bound is above the target, and *thin* when it holds so few events that
even failures alone would not be below (one at a target of 95 % and confidence 99 %). Bounds: Clopper and Pearson, see
`operators/stats/binomial_tails.py`.

- BAD: below at every pane for `for_ms` of event time. Thin panes neither begin nor break nor prolong that time, so that
  a gap in the traffic is no proof either way.
- OK after BAD: the window is well, or all events since it last was below are, which low traffic needs: a window of 5 m
  at 0.05 requests a second never holds the 90 events that say 95 % surely.
- OK otherwise: the window is well. It stays OK while the ratio is no less than the target and the window holds enough
  events to be well at all, so that a ratio close to the target does not come and go.
- INSUFFICIENT: anything else. What is neither below nor well stops the time for BAD, and leaves BAD as it is.

Of an SLI that is estimated the bounds of the estimate must say so, too (`estimate_bounds.py`).

At a true 97 % and a target of 95 %, over 5 m for 10 m, a bare ratio alarms 25 times a week at 0.05 requests a second;
this rule did so in none of 200 simulated weeks at any of 0.05 .. 5 (tests/bench/simulate_rules.py). A fall to 85 % at 1
request a second is found after a median of 12 minutes, and in 99 of 100 within 15.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
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
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.stats.binomial_tails import Flags, enough, enough_each, good_most, surely_above, surely_bad
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.wire.control import Evidence, Word
from operators.wire.events import Id

# By slot: panes that were below, the first of them, good and bad since the last of them.
FIELDS = [("run", "i8"), ("since", "i8"), ("after", "i8", (2,)), ("below", "?"), ("well", "?")]

SIZES = (1, 10, 100, 1_000)  # Events in a window, for which the smallest harm is said.


class Threshold(Rule, frozen=True, kw_only=True):
    """The good ratio of `sli` over `window_ms` is below `target` for all of `for_ms`, at `confidence`.

    Versions that `targets` names, patterns as of file names, have a target of their own: that of the first that fits.
    With `release_targets` a version has the one that its release names, unless `targets` has its very name.
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

    _still: bool | None = False  # Whether an empty pane would change nothing, as sums are; None: nobody has looked.

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
        slots, rows = self._series_state.push(counts, names)
        kept = None if len(slots) else self._series_state.kept.tobytes()
        fill_targets(self._series_state.kept, self.rule, names, self._declared)
        self._ring.grow(len(names))
        before = self._ring.totals.copy()
        self._ring.push(counts, slots, rows)
        if self.bounds is not None:
            self.bounds.grow(len(names))
            self.bounds.push(counts, slots, rows)
        moved = np.flatnonzero((self._ring.totals != before).any(axis=1))
        if len(moved):
            self._compare(moved)
        self._count_time(counts.pane)
        if len(slots):
            self._count_since(counts, slots, rows)
        word = self._words()
        changed = np.flatnonzero(word != self._series_state.kept["word"])
        self._series_state.kept["word"] = word
        same = kept == self._series_state.kept.tobytes()
        self._still = None if kept is None and self.bounds is None else same
        return self._verdicts(changed, names) if len(changed) else []

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        return word, None if word is None else self._verdicts(np.array([slot]), names)[0].evidence

    @property
    def quiet(self) -> bool:
        """Whether all windows are empty: they are thin then, and nothing moves."""
        return self._ring.quiet

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        if self._still is None:
            self._still = self._stays()
        return self._ring.still_until if self._still else 0

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

    def _compare(self, slots: Ints) -> None:
        """Compare the windows whose sums have changed with the target."""
        good, n = self._sums(slots)
        target, confidence = targets_at(self._series_state.kept[slots], self.rule), self.rule.confidence
        below, well = surely_bad(good, n, target, confidence), surely_above(good, n, target, confidence)
        if self.bounds is not None:
            below, well = sure_of_estimate(self.bounds, slots, target, confidence, (below, well))
        self._series_state.kept["below"][slots] = below
        self._series_state.kept["well"][slots] = well

    def _count_time(self, pane: int) -> None:
        kept = self._series_state.kept
        below, run = kept["below"], kept["run"]
        kept["since"][below & (run == 0)] = pane
        kept["after"][below] = 0
        thin = self._ring.totals.sum(axis=1) < self._least(below=True)
        kept["run"] = np.where(below, run + 1, np.where(thin, run, 0))

    def _count_since(self, counts: PaneCounts, slots: Ints, rows: Ints) -> None:
        kept = self._series_state.kept
        counted = (kept["word"][slots] == BAD) & ~kept["below"][slots]
        kept["after"][slots[counted]] += counts.slis[rows[counted], self._sli, :2]

    def _words(self) -> NDArray[np.int8]:
        kept, rule = self._series_state.kept, self.rule
        good, n = self._sums(slice(None))
        was, below, well = kept["word"], kept["below"], kept["well"]
        stays = (was == OK) & (n >= self._least(below=False)) & (good >= targets_at(kept, rule) * n)
        word = np.where(well | stays, OK, INSUFFICIENT).astype(np.int8)
        word[below & (kept["run"] >= self._run_min)] = BAD
        bad = np.flatnonzero((was == BAD) & ~well)
        if len(bad):
            word[bad] = np.where(self._well_since(bad), OK, BAD)
        return word

    def _stays(self) -> bool:
        """Tell whether an empty pane would change nothing."""
        kept = self._series_state.kept
        thin = self._ring.totals.sum(axis=1) < self._least(below=True)
        if kept["below"].any() or (kept["run"] * ~thin).any():
            return False
        return bool((self._words() == kept["word"]).all())

    def _well_since(self, slots: Ints) -> Flags:
        """Tell of which series all events since the window last was below are well."""
        kept = self._series_state.kept[slots]
        after, target = kept["after"], targets_at(kept, self.rule)
        return surely_above(after[:, 0], after.sum(axis=1), target, self.rule.confidence)

    def _least(self, *, below: bool) -> Ints | int:
        """Return how many events, by slot or of all, can be surely below the target, or above it."""
        if not has_targets(self.rule):
            return self._thin if below else self._well_min
        targets = self._series_state.kept["target"]
        return enough_each(1.0 - targets if below else targets, self.rule.confidence)

    def _sums(self, slots: Ints | slice) -> tuple[Ints, Ints]:
        totals = self._ring.totals[slots]
        return totals[:, 0], totals[:, 0] + totals[:, 1]

    def _verdicts(self, slots: Ints, names: Sequence[SliceSeries]) -> list[Verdict]:
        kept, rule = self._series_state.kept[slots], self.rule
        # A series may be OK by what came since, where its window alone does not show it.
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
            derived=("_still", "_declared"),
            added={"bounds": lambda: None},
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
