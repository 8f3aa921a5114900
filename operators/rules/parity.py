"""Parity: the ratio of bad events of a slice is surely more than `gap` above that of the best slice of its dimension.

The slices of one version and one dimension (or cross) are compared, such as its regions, over tumbling windows of
`window_ms`. Each slice has bounds of its ratio that hold however often one looks (`operators/stats/ratio_bound.py`), at
the rule's `alpha` times the weight of the slice. The weights of the slices of a version and dimension add up to at most
1, whenever they come (`operators/stats/slice_weights.py`). So if the true ratios of a version and dimension differ by
no more than `gap` throughout a window, any of its slices is ever called BAD with a chance of at most `alpha`. Of
sessions and users with several requests one event counts in a pane.

- BAD: the lower bound of a slice is more than `gap` above the lowest upper bound of all slices.
- OK: its upper bound is at most `gap` above the lowest of all lower bounds, and there are at least two slices.
- Otherwise the word stays as it was, INSUFFICIENT at first: a new window proves nothing while it has few events.

With 10 slices, alpha 0.01 and a gap of 5 points, a slice with 20 % bad events beside others with 5 % is found after
some 700 events of its own (`tests/laws/test_parity_simulated.py`).
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.policy.fields import SliName, WholePanes
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import Inner, span
from operators.policy.rules import Rule
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import by_verdict
from operators.rules.series_state import BAD, OK, SeriesState
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved
from operators.spans import WEEK_MS
from operators.stats.ratio_bound import both
from operators.stats.slice_weights import SliceWeights
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.window.watermark import END, NEVER
from operators.wire.control import Evidence, Word

# By slot: good and bad events of the window.
FIELDS = [("good", "i8"), ("bad", "i8")]
SLICES_MIN = 2
Group = tuple[str, str, str]  # Model, version, dimensions: the slices that are compared with each other.


class Parity(Rule, frozen=True, kw_only=True):
    """The bad ratio of `sli` on each slice is at most `gap` above that of the best; wrong with `alpha` a window."""

    sli: SliName
    gap: Inner = 0.05
    window_ms: Annotated[int, WholePanes()] = WEEK_MS
    alpha: Inner = 0.01

    @property
    def sli_names(self) -> tuple[str, ...]:
        return (self.sli,)


class ParityEvaluator:
    """Keeps the events of the window by slot, and the weights of the slices of each group."""

    def __init__(self, rule: Parity, policy: Policy) -> None:
        self.rule = rule
        self._sli = [sli.name for sli in policy.slis].index(rule.sli)
        self._panes = rule.window_ms // policy.pane_ms
        self._window = NEVER  # The number of the running window.
        self._weights: dict[Group, SliceWeights] = {}
        self._series_state = SeriesState(rule, policy, FIELDS)

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane; `windows` are not needed."""
        slots, rows = self._series_state.push(counts, names)
        if not len(slots):
            return []
        self._begin(counts.pane // self._panes)
        kept = self._series_state.kept
        kept["good"][slots] += counts.units[rows, self._sli, 0]
        kept["bad"][slots] += counts.units[rows, self._sli, 1]
        touched = {_group(names[slot]) for slot in slots.tolist()}
        groups = sorted(self._members(touched, names).items())
        bounds = self._bounds(groups, names)
        verdicts = [self._evaluate(members, *of, names) for (_, members), of in zip(groups, bounds, strict=True)]
        return list(chain.from_iterable(verdicts))

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        if word is None:
            return None, None
        group = _group(names[slot])
        members = self._members({group}, names).get(group, np.zeros(0, np.int64))
        at = np.flatnonzero(members == slot)
        if not len(at):
            return word, Evidence(sli=self.rule.sli, window_ms=self.rule.window_ms, threshold=self.rule.gap)
        ((low, high),) = self._bounds([(group, members)], names)
        return word, self._evidence(int(at[0]), members, low, high, names)

    @property
    def quiet(self) -> bool:
        """Whether an empty pane changes nothing: always, as words change only on slices with events."""
        return True

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        return END

    def rest(self, pane: int) -> None:
        self._series_state.pane = pane

    def held(self) -> Ints:
        kept = self._series_state.kept
        return np.flatnonzero((kept["good"] + kept["bad"] > 0) | self._series_state.remembered())

    def only(self, slots: Ints) -> None:
        self._series_state.only(slots)

    def _begin(self, window: int) -> None:
        """Begin the window of this pane, if it is another."""
        if window != self._window:
            self._window, self._weights = window, {}
            self._series_state.kept["good"] = self._series_state.kept["bad"] = 0

    def _members(self, groups: set[Group], names: Sequence[SliceSeries]) -> dict[Group, Ints]:
        """Return the slots with events of each of the groups, in the order of their names."""
        kept = self._series_state.kept
        found: dict[Group, list[int]] = {}
        for slot in np.flatnonzero(kept["member"] & (kept["good"] + kept["bad"] > 0)).tolist():
            if (group := _group(names[slot])) in groups:
                found.setdefault(group, []).append(slot)
        return {
            group: np.array(sorted(slots, key=lambda slot: names[slot].text), np.int64)
            for group, slots in found.items()
        }

    def _evaluate(self, members: Ints, low: Floats, high: Floats, names: Sequence[SliceSeries]) -> Iterator[Verdict]:
        kept, gap = self._series_state.kept, self.rule.gap
        word = kept["word"][members].copy()
        if len(members) >= SLICES_MIN:
            word[high <= low.min() + gap] = OK
            word[low > high.min() + gap] = BAD
        changed = np.flatnonzero(word != kept["word"][members])
        kept["word"][members] = word
        for at in changed.tolist():
            evidence = self._evidence(at, members, low, high, names)
            yield self._series_state.verdict(int(members[at]), names, evidence)

    def _bounds(
        self, groups: Sequence[tuple[Group, Ints]], names: Sequence[SliceSeries]
    ) -> list[tuple[Floats, Floats]]:
        """Return the bounds of the ratio of bad events of each slice of each group."""
        if not groups:
            return []
        alpha = np.concatenate([self._alpha(group, members, names) for group, members in groups])
        counts = self._counts(np.concatenate([members for _, members in groups]))
        low, high = both(counts, counts, alpha)
        ends = np.cumsum([len(members) for _, members in groups])[:-1]
        return list(zip(np.split(low, ends), np.split(high, ends), strict=True))

    def _alpha(self, group: Group, members: Ints, names: Sequence[SliceSeries]) -> Floats:
        """Return the alpha of each bound of each slice."""
        weights = self._weights.setdefault(group, SliceWeights())
        texts = [names[slot].text for slot in members.tolist()]
        weights.take(texts)
        return self.rule.alpha / 2 * np.array([weights.of[text] for text in texts])

    def _counts(self, members: Ints) -> tuple[Ints, Ints]:
        kept = self._series_state.kept[members]
        return kept["bad"], kept["good"] + kept["bad"]

    def _evidence(self, at: int, members: Ints, low: Floats, high: Floats, names: Sequence[SliceSeries]) -> Evidence:
        bad, n = self._counts(members)
        best = int(np.argmin(high))
        most = float(high[best])
        return Evidence(
            sli=self.rule.sli,
            good=int(n[at] - bad[at]),
            bad=int(bad[at]),
            value=float(bad[at] / n[at]),
            lower=float(low[at]),
            upper=float(high[at]),
            threshold=min(most + self.rule.gap, 1.0),
            window_ms=self.rule.window_ms,
            reason=f"the best slice, {names[int(members[best])].text}, has at most {most:.1%}",
        )


def _group(name: SliceSeries) -> Group:
    return name.model, name.version, ",".join(name.dims)


def _check(rule: Parity, place: TablePlace) -> None:
    if () in rule.grains:
        raise place.refuse("slices", 'must name slices to compare, such as ["region"], with kind = "parity"')
    if rule.sli in place.policy.estimated:
        raise place.refuse("sli", "is estimated: slices are compared by what is known of them", rule.sli)


def _detects(rule: Parity) -> Iterator[str]:
    for n in (100, 1_000, 10_000):
        events: NDArray[np.int64] = np.arange(n + 1)
        low, high = both((events, np.full(n + 1, n)), (events, np.full(n + 1, n)), rule.alpha / 4)
        least = np.flatnonzero(low > high[0] + rule.gap)
        yield f"of {n:,} in each of two slices: " + (f"{least[0] / n:.1%} bad beside none" if len(least) else "nothing")


KIND = RuleKind(
    name="parity",
    rule=Parity,
    evaluator=ParityEvaluator,
    recovery=by_verdict,
    when=lambda rule: (
        f"a slice surely has {rule.gap:.3g} more bad {rule.sli} than the best over {span(rule.window_ms)}"
    ),
    detects=_detects,
    check=_check,
    saved=(
        Saved("rule.parity", Parity),
        Saved("parity", ParityEvaluator, ("rule", "_sli", "_panes", "_window", "_weights", "_series_state")),
    ),
)
