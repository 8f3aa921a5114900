"""Rules that look at the same sums of the same series and differ only in their limits are stepped in one pass.

What each rule keeps of its series is then a row of one array, and the rules share their windows; a rule that is asked
or saved by itself looks as ever. A hundred targets of one SLI cost little more than one.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from operators.rules.pane_counts import PaneCounts
from operators.rules.rings import Ring
from operators.rules.series_state import SeriesState
from operators.rules.verdict import Evaluator, Verdict
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.window.watermark import END


@runtime_checkable
class Stackable(Evaluator, Protocol):
    """An evaluator of which several can be stepped at once; `kept` (rules, slots) has a row for what each keeps."""

    still: bool | None

    @property
    def alike(self) -> Hashable | None:
        """What rules that are stepped at once have in common; None where the rule is stepped by itself."""

    @property
    def state(self) -> SeriesState:
        """What it keeps by slot."""

    @property
    def rings(self) -> Sequence[Ring]:
        """Its windows."""

    @staticmethod
    def limits_of(rules: Sequence[Any]) -> Any:
        """Return what the rules differ in."""

    @staticmethod
    def step_alike(
        rules: Sequence[Any], kept: NDArray[Any], limits: Any, counts: PaneCounts, names: Sequence[SliceSeries]
    ) -> list[list[Verdict]]:
        """Take the next pane, with the windows of the first one; return what changed, rule by rule."""

    @staticmethod
    def look(rules: Sequence[Any], kept: NDArray[Any], limits: Any) -> None:
        """Set `still` of each rule: whether an empty pane would change nothing."""


class Pass:
    """Rules that are alike, and have seen the same so far."""

    def __init__(self, rules: Sequence[Stackable]) -> None:
        self.rules = rules
        self._limits = rules[0].limits_of(rules)
        self._stack(np.stack([each.state.kept for each in rules]))

    @property
    def holds(self) -> bool:
        """Whether the rules still keep the rows here: no longer once one was told to keep only some slots."""
        return all(each.state.kept is row for each, row in zip(self.rules, self._rows, strict=True))

    @property
    def quiet(self) -> bool:
        return self.rules[0].quiet

    def step(self, counts: PaneCounts, names: Sequence[SliceSeries]) -> list[list[Verdict]]:
        """Take the next pane; return what changed, rule by rule."""
        if not len(counts.slots) and counts.pane < self.still_until():
            for each in self.rules:
                each.rest(counts.pane)
            return [[] for _ in self.rules]
        known = self._kept.shape[1]
        if len(names) > known:
            new = self.rules[0].state.begun(names[known:])
            self._stack(np.hstack([self._kept, np.broadcast_to(new, (len(self.rules), len(new)))]))
        return self.rules[0].step_alike(self.rules, self._kept, self._limits, counts, names)

    def still_until(self) -> int:
        """Return `still_until` of the rules, whose windows are the same; 0 unless all of them are known to be still."""
        if any(each.still is None for each in self.rules):
            self.rules[0].look(self.rules, self._kept, self._limits)
        return self.rules[0].still_until() if all(each.still for each in self.rules) else 0

    def _stack(self, kept: NDArray[Any]) -> None:
        self._kept, self._rows = kept, list(kept)
        for each, row in zip(self.rules, self._rows, strict=True):
            each.state.kept = row


class RulePasses:
    """The evaluators of a shard, in their order; those that are alike are stepped together."""

    def __init__(self, evaluators: Sequence[Evaluator]) -> None:
        self._evaluators = evaluators
        self._begin()

    def step(
        self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]
    ) -> list[list[Verdict]]:
        """Take the next pane; return what changed, evaluator by evaluator."""
        if not all(each.holds for each in self._passes):
            self._begin()
        found: dict[int, list[Verdict]] = {}
        for one in self._passes:
            found |= zip(map(id, one.rules), one.step(counts, names), strict=True)
        quiet = not len(counts.slots) and not windows
        for each in self._alone:
            if quiet and counts.pane < each.still_until():
                each.rest(counts.pane)
                found[id(each)] = []
            else:
                found[id(each)] = each.step(counts, windows, names)
        return [found[id(each)] for each in self._evaluators]

    def still_until(self, windows: Sequence[WindowCounts]) -> int:
        """Return the least `still_until` of all evaluators: at most 0 as soon as one is not known to stay as it is."""
        until = END
        for one in self._passes:
            until = min(until, one.still_until())
        for each in self._alone:
            if until <= 0:
                break
            until = min(until, each.still_until(windows))
        return until

    @property
    def quiet(self) -> bool:
        return all(one.quiet for one in self._passes) and all(each.quiet for each in self._alone)

    def _begin(self) -> None:
        groups: dict[Hashable, list[list[Stackable]]] = {}
        for each in self._evaluators:
            if isinstance(each, Stackable) and each.alike is not None:
                some = groups.setdefault((type(each), each.alike), [])
                fitting = next((group for group in some if _seen_alike(group[0], each)), None)
                some.append([each]) if fitting is None else fitting.append(each)
        together = [group for some in groups.values() for group in some if len(group) > 1]
        self._passes = [Pass(group) for group in together]
        taken = {id(each) for group in together for each in group}
        self._alone = [each for each in self._evaluators if id(each) not in taken]


def _seen_alike(one: Stackable, other: Stackable) -> bool:
    """Tell whether two rules have seen the same, slot by slot: not where one began later than the other."""
    kept, others = one.state.kept, other.state.kept
    same = len(kept) == len(others) and all((kept[name] == others[name]).all() for name in ("member", "seen"))
    return same and all(ring.same(of) for ring, of in zip(one.rings, other.rings, strict=True))
