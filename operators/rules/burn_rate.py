"""Burn rate: the error budget of an SLO is being spent too fast, judged in tiers of a long and a short window.

The limit of a tier is factor * (1 - target), a ratio of bad events. A tier

- fires when both windows hold at least that ratio, and the exact one-sided lower bound of the ratio in the long window
  is above it too, of two failures at least, so that one among few requests is no alarm;
- stops when the upper bound of the ratio in the short window is below the limit, or when the long window, with enough
  events to fire on, is below it as it stands: that is how it ends at low traffic, where no short window proves
  anything. A long window with fewer events stops nothing.

Versions that `targets` names have limits by a target of their own. Of an SLI that is estimated the bounds of the
estimate must say so, too, before a tier fires or the first OK is said (`estimate_bounds.py`).

BAD while a tier fires; the verdict has the severity of the worst one, and is told again when that changes. OK once no
tier fires any more, or once each has a window whose upper bound is below the limit; it stays OK while in each the long
window, with enough events, is below the limit as it stands, or the short one surely. Otherwise INSUFFICIENT.

Sources: B. Beyer and others, "The Site Reliability Workbook" (2018), chapter 5, multiwindow, multi-burn-rate alerts,
which uses the ratios alone; bounds of Clopper and Pearson, see
`operators/stats/binomial_tails.py`.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from operators.arrays import Floats, Ints, any_of_row, put_rows, rows_differ, true_at, union_of
from operators.policy.fields import As, SliName, WholePanes, Written
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import Confidence, Inner, span
from operators.policy.rules import Rule
from operators.policy.tiers import Tier, TierTable, tiers_of
from operators.rules.burn_windows import BurnWindows, TierSums
from operators.rules.estimate_bounds import estimate_bounds_of, with_estimate_bounds
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import BadRatios, inner
from operators.rules.rings import Ring
from operators.rules.series_state import BAD, INSUFFICIENT, OK, SeriesState, bounded
from operators.rules.targets import (
    TARGET,
    HeldToTargets,
    check_targets,
    fill_targets,
    has_targets,
    targets_in_words,
)
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.stats.binomial_tails import Flags, enough, enough_each, good_most, surely_bad, surely_below
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.wire.control import Evidence, Word
from operators.wire.events import Id

Kept = NDArray[Any]  # Rows of `SeriesState`.
SEVERITIES = ("page", "ticket", "info")  # The worst first.


def _tiers(written: Written) -> tuple[Tier, ...]:
    table, place = written.table, written.place
    period_ms = place.span("period", table.period_ms)
    return tiers_of(written.value, f"{place.prefix}.tiers", table.target, period_ms, place.policy.pane_ms)


class BurnRate(Rule, frozen=True, kw_only=True):
    """The error budget of `target` over `period_ms` is being spent too fast, in one of the tiers: each says how bad."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"severity"})

    sli: SliName
    target: Inner
    targets: dict[Id, Inner] = msgspec.field(default_factory=dict)
    release_targets: bool = False
    period_ms: Annotated[int, WholePanes()] = 30 * 86_400_000
    tiers: Annotated[tuple[Tier, ...], As(Annotated[list[TierTable], Meta(min_length=1)] | None, _tiers)]
    confidence: Confidence = 0.99

    @property
    def sli_names(self) -> tuple[str, ...]:
        return (self.sli,)

    @property
    def target_least(self) -> float:
        return 1.0 - 1.0 / max(tier.factor for tier in self.tiers)


class BurnRateEvaluator(HeldToTargets):
    """Keeps a ring for each length of window, and by slot which tiers fire. One pane of 300 series: 0.7 ms."""

    # The slots of which an empty pane may change something, as sums are: None where that may be any.
    _open: Ints | None = None
    still: bool | None = False  # Whether an empty pane would change nothing, as sums are; None: nobody has looked.

    def __init__(self, rule: BurnRate, policy: Policy) -> None:
        self.rule = rule
        self._tiers = sorted(rule.tiers, key=lambda tier: (SEVERITIES.index(tier.severity), -tier.factor))
        self._limits = [tier.factor * (1.0 - rule.target) for tier in self._tiers]
        # The tier that shows the smallest burn is the one to look at while none fires.
        self._finest = min(range(len(self._tiers)), key=lambda index: self._limits[index])
        sli = [known.name for known in policy.slis].index(rule.sli)
        spans = {span for tier in rule.tiers for span in (tier.long_ms, tier.short_ms)}
        self._rings = {span: Ring(span // policy.pane_ms, sli) for span in sorted(spans)}
        # By slot: which tiers fire, since which pane some do, and the worst of them.
        fields = [("fires", "?", (len(rule.tiers),)), ("since", "i8"), ("worst", "i1")]
        fields += [TARGET] if has_targets(rule) else []
        self._severities = np.array([SEVERITIES.index(tier.severity) for tier in self._tiers])
        self._series_state = SeriesState(rule, policy, fields)
        each = {tier.long_ms: estimate_bounds_of(policy, sli, tier.long_ms) for tier in rule.tiers}
        self.bounds = {span: bounds for span, bounds in each.items() if bounds is not None}  # By length of window.
        self._derive()

    def _derive(self) -> None:
        """Make what follows from the rule, and from what is saved."""
        self._windows = BurnWindows(self._rings, self._tiers)
        self._factors = np.array([tier.factor for tier in self._tiers])
        # Of the rule's target: the limits of tiers, and how many events a window needs to be surely above them.
        needed = [enough(limit, self.rule.confidence) for limit in self._limits]
        self._usual = np.array(self._limits), np.array(needed)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._derive()

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane; `windows` are not needed."""
        if not len(counts.slots) and counts.pane < self.still_until():
            self._series_state.pane = counts.pane
            return []
        slots, rows = self._series_state.push(counts, names)
        fill_targets(self._series_state.kept, self.rule, names, self._declared)
        self._windows.grow(len(names))
        moved = self._windows.push(counts, slots, rows)
        for bounds in self.bounds.values():
            bounds.grow(len(names))
            bounds.push(counts, slots, rows)
        # What is kept of others stays, as their sums do; bounds may move without these.
        some = np.arange(len(names)) if self._open is None else union_of([self._open, *moved])
        kept, changed = self._moved_on(counts.pane, some)
        differ = rows_differ(kept, self._series_state.kept.take(some))
        other = some[differ]
        put_rows(self._series_state.kept, other, kept[differ])
        self._open = None if self.bounds else other
        self.still = None if len(slots) and not self.bounds else not (len(slots) or len(other))
        return self._verdicts(changed, names) if len(changed) else []

    def _moved_on(self, pane: int, slots: Ints) -> tuple[Kept, Ints]:
        """Start and stop tiers by the sums of a pane.

        Return what is then to be kept of these slots, (K,), and those of which what is said has changed.
        """
        kept = self._series_state.kept.take(slots)
        if not len(slots):
            return kept, slots
        sums = self._windows.sums(slots)
        fired = any_of_row(kept["fires"])
        self._step_tiers(kept, slots, sums)
        fires = any_of_row(kept["fires"])
        kept["since"][fires & ~fired] = pane
        word = np.where(fires, BAD, np.where(fired | self._ok(kept, slots, fires, sums), OK, INSUFFICIENT))
        worst = kept["fires"].argmax(axis=1)
        other = self._severities[worst] != self._severities[kept["worst"]]
        changed = slots[(word != kept["word"]) | (fires & other)]
        kept["word"], kept["worst"] = word, worst
        return kept, changed

    def _stays(self) -> bool:
        """Tell whether an empty pane would change nothing: what it would do is done to a copy."""
        state = self._series_state
        slots = np.arange(len(state.kept)) if self._open is None else self._open
        kept, _ = self._moved_on(state.pane, slots)
        return kept.tobytes() == state.kept[slots].tobytes()

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        return word, None if word is None else self._verdicts(np.array([slot]), names)[0].evidence

    @property
    def quiet(self) -> bool:
        """Whether all windows are empty: nothing fires or stops then."""
        return self._windows.quiet

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        if self.still is None:
            self.still = self._stays()
        return self._windows.still_until if self.still else 0

    def rest(self, pane: int) -> None:
        self._series_state.pane = pane

    def held(self) -> Ints:
        known = [bounds.held() for bounds in self.bounds.values()]
        some = np.any([self._windows.used(), self._series_state.remembered(), *known], axis=0)
        return true_at(some)

    def only(self, slots: Ints) -> None:
        self._open = None
        self._windows.only(slots)
        for bounds in self.bounds.values():
            bounds.only(slots)
        self._series_state.only(slots)

    def _step_tiers(self, kept: Kept, slots: Ints, sums: TierSums) -> None:
        """Start and stop tiers of slots, in what is kept of them, by the sums of their windows."""
        fires, failed = kept["fires"], sums.bad_short > 0
        if not failed.any() and not fires.any():
            return
        limit, confidence = self._limits_of(kept), self.rule.confidence
        # Ratios first: they leave few series to look at closely.
        high = (sums.bad > 0) & (sums.bad >= limit * sums.n) & failed & (sums.bad_short >= limit * sums.n_short)
        starts = (high & ~fires).nonzero()
        n, bad = sums.n[starts], sums.bad[starts]
        sure = surely_bad(n - bad, n, 1.0 - _at(limit, starts), confidence)
        if self.bounds:
            sure &= self._bounds_of(slots, starts, confidence)[1] < 1.0 - _at(limit, starts)
        firing = fires.nonzero()
        if len(firing[0]):
            n, bad, limits = sums.n[firing], sums.bad[firing], _at(limit, firing)
            low = surely_below(sums.bad_short[firing], sums.n_short[firing], limits, confidence)
            over = (n >= _at(self._enough_of(kept), firing)) & (bad < limits * n)
            fires[firing] = ~(low | over | (limits >= 1.0))
        fires[tuple(each[sure] for each in starts)] = True

    def _ok(self, kept: Kept, slots: Ints, fires: Flags, sums: TierSums) -> Flags:
        """Return which of some series, none of whose tiers fires, stay or become OK."""
        limit, confidence = self._limits_of(kept), self.rule.confidence
        # Above a limit of 1, by a target that is too low for the tier, nothing can be: whatever comes is well.
        allowed = (sums.n > 0) & (limit >= 1.0)
        ok = ~fires & kept["member"] & ~any_of_row((sums.n < self._enough_of(kept)) & ~allowed)
        if not ok.any():
            return np.asarray(ok)
        was = kept["word"][:, None] == OK
        unsure = (ok[:, None] & ~allowed & ~(was & (sums.bad < limit * sums.n))).nonzero()
        limits = _at(limit, unsure)
        sure = surely_below(sums.bad_short[unsure], sums.n_short[unsure], limits, confidence)
        sure |= surely_below(sums.bad[unsure], sums.n[unsure], limits, confidence)
        if self.bounds:
            sure &= self._bounds_of(slots, unsure, confidence)[0] > 1.0 - limits
        ok[unsure[0][~sure]] = False
        return np.asarray(ok)

    def _compare(self, slots: Ints) -> None:
        self._open = None

    def _limits_of(self, kept: Kept) -> Floats:
        """Return the ratio of bad events that tiers allow, (T,): of each row, (K, T), where versions have targets."""
        if not has_targets(self.rule):
            return self._usual[0]
        return self._factors * (1.0 - kept["target"][:, None])

    def _enough_of(self, kept: Kept) -> Ints:
        """Return, like `_limits_of`, how many events a window needs to be surely above the limit of a tier."""
        if not has_targets(self.rule):
            return self._usual[1]
        limits = self._limits_of(kept)
        return enough_each(limits.ravel(), self.rule.confidence).reshape(limits.shape)

    def _bounds_of(self, slots: Ints, which: tuple[Ints, ...], confidence: float) -> tuple[Floats, Floats]:
        """Return a lower and an upper bound of the good ratio where it is estimated, of some rows and tiers, (P,)."""
        rows, tiers = which
        lower, upper = np.zeros(len(rows)), np.ones(len(rows))
        for index, tier in enumerate(self._tiers):
            of_tier = tiers == index
            lower[of_tier], upper[of_tier] = self.bounds[tier.long_ms].of(slots[rows[of_tier]], confidence)
        return lower, upper

    def _verdicts(self, slots: Ints, names: Sequence[SliceSeries]) -> list[Verdict]:
        kept = self._series_state.kept
        shown = np.where(kept["word"][slots] == BAD, kept["worst"][slots], self._finest)
        verdicts = []
        for index in np.unique(shown).tolist():
            verdicts += self._of_tier(index, slots[shown == index], names)
        return verdicts

    def _of_tier(self, index: int, slots: Ints, names: Sequence[SliceSeries]) -> list[Verdict]:
        """Return verdicts with the evidence of one tier."""
        tier, confidence = self._tiers[index], self.rule.confidence
        kept = self._series_state.kept[slots]
        limits = np.broadcast_to(self._limits_of(kept)[..., index], len(slots))
        bad, n, bad_short, n_short = (each[:, index] for each in self._windows.sums(slots))
        needed = n - good_most(n, 1.0 - limits, confidence)
        verdicts = []
        every = bounded(bad, n, confidence)
        if self.bounds:
            every = with_estimate_bounds(self.bounds[tier.long_ms], slots, confidence, every, of_bad=True)
        for row, measured in enumerate(every):
            limit = float(limits[row])
            firing = kept["word"][row] == BAD
            unsure = kept["word"][row] == INSUFFICIENT and needed[row] <= n[row]
            evidence = Evidence(
                sli=self.rule.sli,
                good=int(n[row] - bad[row]),
                bad=int(bad[row]),
                **measured,
                confidence=confidence,
                threshold=limit,
                window_ms=tier.long_ms,
                short_window_ms=tier.short_ms,
                short_value=float(bad_short[row] / n_short[row]) if n_short[row] else None,
                detectable=float(needed[row] / n[row] - limit) if unsure else None,
                since=int(kept["since"][row]) * self._series_state.pane_ms if firing else None,
            )
            severity = tier.severity if firing else None
            verdicts.append(self._series_state.verdict(int(slots[row]), names, evidence, severity))
        return verdicts


def _at(limits: NDArray[Any], which: tuple[Ints, ...]) -> Any:
    """Return what `_limits_of` or `_enough_of` says of some rows and tiers, (P,)."""
    return limits[which] if limits.ndim == 2 else limits[which[1]]


def by_tier(rule: BurnRate, evidence: Evidence) -> BadRatios | None:
    """Return the ratio that was found, and what the target of its version allows."""
    if evidence.good is None or evidence.bad is None:
        return None
    windows = evidence.window_ms, evidence.short_window_ms
    factors = [tier.factor for tier in rule.tiers if (tier.long_ms, tier.short_ms) == windows]
    well = evidence.threshold / factors[0] if evidence.threshold is not None and factors else 1.0 - rule.target
    return BadRatios(inner(evidence.good, evidence.bad), well)


def _check(rule: BurnRate, place: TablePlace) -> None:
    """PolicyError where a tier could never fire by the target of some version."""
    check_targets(rule, place)
    for version, target in rule.targets.items():
        if target <= rule.target_least + 1e-9:
            factor = max(tier.factor for tier in rule.tiers)
            allowed = f"must be above {rule.target_least:.4g}: else a tier of {factor:.4g} times the budget never fires"
            raise place.refuse(f"targets.{version}", allowed, target)


def _when(rule: BurnRate) -> str:
    others = targets_in_words(rule)
    return f"the {span(rule.period_ms)} budget of {rule.sli} {rule.target:.6g}{others} burns too fast, surely"


def _detects(rule: BurnRate) -> Iterator[str]:
    sizes = np.array([10, 100, 1_000])
    for tier in rule.tiers:
        limit = tier.factor * (1.0 - rule.target)
        fewest = sizes - good_most(sizes, 1.0 - limit, rule.confidence)
        seen = ", ".join(f"{few} of {n:,}" for few, n in zip(fewest.tolist(), sizes.tolist(), strict=True) if few <= n)
        windows = f"{span(tier.long_ms)} and {span(tier.short_ms)}"
        yield f"{tier.severity}: x{tier.factor:.4g}, {limit:.2%} bad in {windows}; {seen or 'nothing below 1,000'}"


KIND = RuleKind(
    name="burn_rate",
    rule=BurnRate,
    evaluator=BurnRateEvaluator,
    recovery=by_tier,
    when=_when,
    detects=_detects,
    check=_check,
    saved=(
        Saved("rule.burn_rate", BurnRate),
        Saved("rule.tier", Tier),
        Saved(
            "burn_rate",
            BurnRateEvaluator,
            ("rule", "_tiers", "_limits", "_finest", "_rings", "_severities", "_series_state", "bounds"),
            derived=("still", "_open", "_declared", "_windows", "_factors", "_usual"),
            added={"bounds": dict},
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
