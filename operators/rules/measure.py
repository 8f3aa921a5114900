"""Measure: a mean, a quantile or a cost per thousand requests lies beyond a limit, for some time.

It is judged at each end of the policy's window of that length; where several windows have it, of the one that slides by
the smallest step. A series has enough when its window has `n_min` values (`per_1k`: events).

- BAD: enough, and surely beyond the limit, at each end of the window for `for_ms`.
- OK: enough and within it; after BAD also for `for_ms`, so that a value close to the limit does not flap.
- INSUFFICIENT: too few values, where BAD stays BAD and time neither begins nor ends; or beyond the limit, but not
  surely.

Surely beyond: the bound of the window is beyond it, too (`operators/window/bounds.py`), at the rule's `confidence`.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.fields import WholePanes
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import Positive, span
from operators.policy.rules import QUANTILES, StatisticRule
from operators.policy.windows import Window
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import by_verdict
from operators.rules.series_state import BAD, INSUFFICIENT, OK, SeriesState
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.stats.binomial_tails import Flags
from operators.window.bounds import measure_index, over, total_of
from operators.window.partial import BAD as BAD_EVENT
from operators.window.partial import GOOD, HI, LO, N
from operators.window.picked import pick
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.window.sums import LIMB_BITS
from operators.window.watermark import END
from operators.wire.control import Evidence, Word

# By slot: how many ends of the window were beyond the limit (once BAD: within it), and the first of them.
FIELDS = [("run", "i8"), ("since", "i8")]


class MeasureRule(StatisticRule, frozen=True, kw_only=True):
    """A statistic of a measure is above `at_most` or below `at_least` for all of `for_ms`, surely.

    Fewer than `n_min` values are too few to judge.
    """

    at_most: float | None = None
    at_least: float | None = None
    for_ms: Annotated[int, WholePanes(least=0)] = 0
    n_min: Positive = 100

    @property
    def lasting_ms(self) -> int:
        return self.for_ms


def _per(rule: MeasureRule, policy: Policy) -> tuple[int, int]:
    """Return the number of the SLI or measure that a statistic is per unit of, and its number of digits."""
    if rule.statistic == "per_success":
        return [sli.name for sli in policy.slis].index(rule.success), 0
    if rule.statistic == "per_kpi":
        index = measure_index(policy, rule.kpi)
        return index, policy.measures[index].digits
    return 0, 0


class MeasureEvaluator:
    """Keeps, by slot, how long a value has been beyond its limit. Its windows are the policy's, of versions alone."""

    _ok: bool | None = None  # Whether any series is OK; None: not worked out since the last step.

    def __init__(self, rule: MeasureRule, policy: Policy) -> None:
        self.rule = rule
        self._measure = [measure.name for measure in policy.measures].index(rule.measure)
        self._scale = 10.0 ** -policy.measures[self._measure].digits
        self._per = _per(rule, policy)
        same = [window for window in policy.windows if window.size_ms == rule.window_ms]
        self._window = min(same, key=lambda window: window.every_ms)
        self._run_min = -(-rule.for_ms // self._window.every_ms) + 1  # From the first end to the last one.
        self._series_state = SeriesState(rule, policy, FIELDS)
        self._slot_of: dict[tuple[str, ...], int] = {}  # Of the series that are judged, by name.
        self._named = 0
        self._ended: tuple[Ints, Floats, Floats] | None = None  # What the windows hold that end with this pane.
        # For each BAD series, what the last window to end held: events written between two ends need it.
        self._lately: dict[int, tuple[int, float, float, float]] = {}

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane, and the windows that end with it. One that ends empty is not among them."""
        self._ended = self._ok = None
        self._series_state.push(counts, names)
        self._number(names)
        ended = [counts for counts in windows if counts.window == self._window]
        if not ended and self._ends_with(counts.pane):
            return self._evaluate(None, names)
        return [verdict for window in ended for verdict in self._evaluate(window, names)]

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        if word is None:
            return word, None
        if self._ended is not None:
            n, value, bounds = self._ended
            return word, self._verdict(slot, int(n[slot]), float(value[slot]), bounds[slot], names).evidence
        if slot not in self._lately:
            return word, None
        known, mean, *interval = self._lately[slot]
        return word, self._verdict(slot, known, mean, np.array(interval), names).evidence

    @property
    def quiet(self) -> bool:
        """Whether no series is OK; an OK one would be INSUFFICIENT once its window is empty."""
        if self._ok is None:
            self._ok = bool((self._series_state.kept["word"] == OK).any())
        return not self._ok

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        """Return the next end of its window, unless an empty one changes nothing. Windows with few values do not."""
        if windows and self._series_state.kept["word"].any():
            return 0
        for ended in (each for each in windows if each.window == self._window):
            if (self._values(ended, np.arange(len(ended.names)))[0] >= self.rule.n_min).any():
                return 0
        if self.quiet and not (self._lately and any(n for n, *_ in self._lately.values())):
            return END
        every = self._window.every_ms
        end_ms = ((self._series_state.pane + 1) * self._series_state.pane_ms // every + 1) * every
        return end_ms // self._series_state.pane_ms - 1

    def rest(self, pane: int) -> None:
        self._series_state.pane, self._ended = pane, None
        if self._ends_with(pane):
            self._evaluate(None, ())

    def held(self) -> Ints:
        kept = self._series_state.kept
        return np.flatnonzero((kept["word"] == OK) | (kept["run"] > 0) | self._series_state.remembered())

    def only(self, slots: Ints) -> None:
        self._series_state.only(slots)
        self._lately = {new: self._lately[old] for new, old in enumerate(slots.tolist()) if old in self._lately}
        self._slot_of.clear()
        self._named = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._slot_of, self._named, self._ended = {}, 0, None
        self._per = state.get("_per", (0, 0))  # Older workers had only rules per event.

    def _ends_with(self, pane: int) -> bool:
        return (pane + 1) * self._series_state.pane_ms % self._window.every_ms == 0

    def _number(self, names: Sequence[SliceSeries]) -> None:
        member = self._series_state.kept["member"]
        for slot in range(self._named, len(names)):
            if member[slot]:
                self._slot_of[names[slot][:3]] = slot
        self._named = len(names)

    def _evaluate(self, window: WindowCounts | None, names: Sequence[SliceSeries]) -> list[Verdict]:
        self._ok = None
        kept = self._series_state.kept
        self._ended = n, value, bounds = self._by_slot(window, len(kept))
        if window is None and not kept["word"].any():
            self._lately = {}
            return []  # Without values no time is counted, and series without a word stay without one.
        enough = n >= self.rule.n_min
        beyond = enough & self._beyond(value, value)
        surely = beyond & self._beyond(bounds[:, 0], bounds[:, 1])
        self._count_time(enough, beyond, surely)
        lasts = kept["run"] >= self._run_min
        was = kept["word"]
        bad = np.where(was == BAD, ~(lasts & enough & ~beyond), lasts & surely)
        word = np.where(bad, BAD, np.where(enough & ~beyond, OK, INSUFFICIENT))
        changed = np.flatnonzero(word != was)
        kept["run"][changed[(was[changed] == BAD) | (word[changed] == BAD)]] = 0
        kept["word"] = word
        bad_now = np.flatnonzero(word == BAD).tolist()
        self._lately = {slot: (int(n[slot]), float(value[slot]), *bounds[slot].tolist()) for slot in bad_now}
        return [self._verdict(slot, int(n[slot]), float(value[slot]), bounds[slot], names) for slot in changed.tolist()]

    def _by_slot(self, window: WindowCounts | None, count: int) -> tuple[Ints, Floats, Floats]:
        """Return for each of `count` slots the number of values (count,), the statistic, and its bounds (count, 2)."""
        n, value, bounds = np.zeros(count, np.int64), np.zeros(count), np.zeros((count, 2))
        if window is not None:
            rows = np.arange(len(window.names)) if window.of_rules is None else window.of_rules
            slots = np.array([self._slot_of.get(name[:3], -1) for name in pick(window.names, rows)], np.int64)
            rows, slots = rows[slots >= 0], slots[slots >= 0]
            n[slots], value[slots] = self._values(window, rows)
            # A window that was under way in an older worker has no bounds.
            known = window.bounds.get(self.rule.name)
            bounds[slots] = value[slots, None] if known is None else known[rows]
        return n, value, bounds

    def _count_time(self, enough: Flags, beyond: Flags, surely: Flags) -> None:
        """Count the time surely beyond the limit or, where it is BAD, the time within it."""
        kept = self._series_state.kept
        bad = kept["word"] == BAD
        counted = enough & np.where(bad, ~beyond, surely)
        kept["since"][counted & (kept["run"] == 0) & ~bad] = self._series_state.pane
        kept["run"] = np.where(counted, kept["run"] + 1, np.where(enough, 0, kept["run"]))

    def _beyond(self, low: Floats, high: Floats) -> Flags:
        above = low > np.inf if self.rule.at_most is None else low > self.rule.at_most
        below = high < -np.inf if self.rule.at_least is None else high < self.rule.at_least
        return np.asarray(above | below)

    def _values(self, window: WindowCounts, rows: Ints) -> tuple[Ints, Floats]:
        """Return how many values, and the statistic of them, of these rows of a window; 0 without values."""
        sums = window.sums[rows, self._measure]
        n, statistic = sums[:, N], self.rule.statistic
        if statistic in QUANTILES:
            found = window.quantiles[rows, self._measure, list(QUANTILES).index(statistic)]
            return n, found if np.isfinite(found).all() else np.nan_to_num(found)
        total = (sums[:, HI] * 2.0**LIMB_BITS + sums[:, LO]) * self._scale
        if statistic == "per_success":
            good, bad = window.slis[rows, self._per[0], GOOD], window.slis[rows, self._per[0], BAD_EVENT]
            return good + bad, over(total, good)
        if statistic == "per_kpi":
            below = window.sums[rows, self._per[0]]
            return below[:, N], over(total, total_of(below, self._per[1]))
        if statistic == "per_1k":
            events = window.events[rows]
            return events, total * 1_000 / np.maximum(events, 1)  # Feedback alone is no event.
        return n, total / np.maximum(n, 1)

    def _verdict(self, slot: int, n: int, value: float, bounds: Floats, names: Sequence[SliceSeries]) -> Verdict:
        rule, kept = self.rule, self._series_state.kept[slot]
        limits = [limit for limit in (rule.at_most, rule.at_least) if limit is not None]
        broken = [rule.at_most] if rule.at_most is not None and value > rule.at_most else limits[-1:]
        evidence = Evidence(
            measure=_named(rule),
            n=n,
            value=value if n and np.isfinite(value) else None,
            threshold=broken[0],
            lower=float(bounds[0]) if n and np.isfinite(bounds[0]) else None,
            upper=float(bounds[1]) if n and np.isfinite(bounds[1]) else None,
            confidence=rule.confidence if n else None,
            window_ms=rule.window_ms,
            since=int(kept["since"]) * self._series_state.pane_ms if kept["word"] == BAD else None,
        )
        return self._series_state.verdict(slot, names, evidence)


def _check(rule: MeasureRule, place: TablePlace) -> None:
    sizes = [window.size_ms for window in place.policy.windows]
    known = [measure.name for measure in place.policy.measures]
    if rule.scope == "model":
        raise place.refuse("scope", 'must be "version" with kind = "measure": [windows] are kept of each version')
    if rule.measure not in known:
        raise place.refuse("measure", f"must be one of measures.names: {', '.join(known) or '(there are none)'}")
    if rule.window_ms not in sizes:
        windows = ", ".join(span(size) for size in sorted(set(sizes))) or "(there are none)"
        raise place.refuse("window", f"must be one of the sizes in [windows]: {windows}")
    _check_per(rule, place)
    if rule.at_most is None and rule.at_least is None:
        raise place.refuse("at_most", "is required, or at_least")
    if rule.at_most is not None and rule.at_least is not None and rule.at_least > rule.at_most:
        raise place.refuse("at_least", f"must be at most at_most ({rule.at_most:g})")


def _check_per(rule: MeasureRule, place: TablePlace) -> None:
    if rule.statistic == "per_success":
        place.sli("success", rule.success)
        if next(sli for sli in place.policy.slis if sli.name == rule.success).on_feedback:
            raise place.refuse("success", "must be an SLI on events: feedback is not on every request")
    elif rule.success:
        raise place.refuse("success", 'is for statistic = "per_success"')
    known = [measure.name for measure in place.policy.measures if measure.on_feedback]
    if rule.statistic == "per_kpi" and rule.kpi not in known:
        allowed = f"must be one of measures.names on feedback: {', '.join(known) or '(there are none)'}"
        raise place.refuse("kpi", allowed, rule.kpi)


def _named(rule: MeasureRule) -> str:
    """Return in words the statistic that is judged."""
    of = {"per_success": f"per {rule.success} request", "per_kpi": f"per {rule.kpi}"}.get(rule.statistic)
    return f"{rule.statistic} of {rule.measure}" if of is None else f"{rule.measure} {of}"


def _when(rule: MeasureRule) -> str:
    limits = (("above", rule.at_most), ("below", rule.at_least))
    beyond = " or ".join(f"{word} {limit:.6g}" for word, limit in limits if limit is not None)
    lasting = f" for {span(rule.for_ms)}" if rule.for_ms else ""
    return f"{_named(rule)} {beyond} over {span(rule.window_ms)}{lasting}"


def _detects(rule: MeasureRule) -> Iterator[str]:
    yield f"from {rule.n_min:,} values on"


KIND = RuleKind(
    name="measure",
    rule=MeasureRule,
    evaluator=MeasureEvaluator,
    recovery=by_verdict,
    when=_when,
    detects=_detects,
    check=_check,
    saved=(
        Saved("rule.measure", MeasureRule),
        Saved("rule.window", Window),
        Saved(
            "measure",
            MeasureEvaluator,
            ("rule", "_measure", "_scale", "_per", "_window", "_run_min", "_series_state", "_lately"),
            added={"_lately": dict},
            derived=("_slot_of", "_named", "_ended", "_ok"),
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
