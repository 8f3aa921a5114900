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

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.policy.fields import As, SliName, WholePanes, Written
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import Confidence, Inner, span
from operators.policy.rules import Rule
from operators.policy.tiers import Tier, TierTable, tiers_of
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

Sums = tuple[Ints, Ints]  # By slot: how many events of a window are bad, and how many there are.
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

    still: bool | None = False  # Whether an empty pane would change nothing, as sums are; None: nobody has looked.
    _until: int | None = None  # The pane in which something falls out of a window, as long as nothing comes or goes.

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

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane; `windows` are not needed."""
        if not len(counts.slots) and counts.pane < self.still_until():
            self._series_state.pane = counts.pane
            return []
        slots, rows = self._series_state.push(counts, names)
        fill_targets(self._series_state.kept, self.rule, names, self._declared)
        self._until = None
        came = next(iter(self._rings.values())).came(counts, rows)
        for ring in self._rings.values():
            ring.grow(len(names))
            ring.add(counts.pane, slots, came)
        for bounds in self.bounds.values():
            bounds.grow(len(names))
            bounds.push(counts, slots, rows)
        before = None if len(slots) else self._series_state.kept.tobytes()
        changed = self._update(counts.pane)
        same = before == self._series_state.kept.tobytes()
        self.still = None if before is None and not self.bounds else same
        return self._verdicts(changed, names) if len(changed) else []

    def _update(self, pane: int) -> Ints:
        """Start and stop tiers by the sums of a pane; return the slots of which what is said has changed."""
        kept = self._series_state.kept
        sums = {span: self._sums(span) for span in self._rings}
        fired = np.asarray(kept["fires"].any(axis=1))
        for index, tier in enumerate(self._tiers):
            self._evaluate_tier(index, sums[tier.long_ms], sums[tier.short_ms])
        fires = np.asarray(kept["fires"].any(axis=1))
        kept["since"][fires & ~fired] = pane
        word = np.where(fires, BAD, np.where(fired | self._ok(fires, sums), OK, INSUFFICIENT))
        worst = np.asarray(kept["fires"].argmax(axis=1))
        other = self._severities[worst] != self._severities[kept["worst"]]
        changed = np.flatnonzero((word != kept["word"]) | (fires & other))
        kept["word"], kept["worst"] = word, worst
        return changed

    def _stays(self) -> bool:
        """Tell whether an empty pane would change nothing: what it would do is done to a copy."""
        state = self._series_state
        kept, state.kept = state.kept, state.kept.copy()
        self._update(state.pane)
        same = kept.tobytes() == state.kept.tobytes()
        state.kept = kept
        return same

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        return word, None if word is None else self._verdicts(np.array([slot]), names)[0].evidence

    @property
    def quiet(self) -> bool:
        """Whether all windows are empty: nothing fires or stops then."""
        return all(ring.quiet for ring in self._rings.values())

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        if self.still is None:
            self.still = self._stays()
        if not self.still:
            return 0
        if self._until is None:
            self._until = min(ring.still_until for ring in self._rings.values())
        return self._until

    def rest(self, pane: int) -> None:
        self._series_state.pane = pane

    def held(self) -> Ints:
        known = [bounds.held() for bounds in self.bounds.values()]
        some = np.any([*(ring.totals.any(axis=1) for ring in self._rings.values()), *known], axis=0)
        return np.flatnonzero(some | self._series_state.remembered())

    def only(self, slots: Ints) -> None:
        self._until = None
        for ring in self._rings.values():
            ring.only(slots)
        for bounds in self.bounds.values():
            bounds.only(slots)
        self._series_state.only(slots)

    def _evaluate_tier(self, index: int, long: Sums, short: Sums) -> None:
        """Start and stop one tier, by the sums of its windows."""
        limit, confidence = self._limit(index), self.rule.confidence
        (bad, n), (bad_short, n_short) = long, short
        fires = self._series_state.kept["fires"][:, index]
        failed, firing = bad_short > 0, fires.nonzero()[0]
        if not len(firing) and not failed.any():
            return
        # Ratios first: they leave few series to look at closely.
        high = (bad > 0) & (bad >= limit * n) & failed & (bad_short >= limit * n_short)
        starts = (high & ~fires).nonzero()[0]
        if len(starts):
            starts = starts[surely_bad((n - bad)[starts], n[starts], 1.0 - _at(limit, starts), confidence)]
        if self.bounds:
            _, upper = self.bounds[self._tiers[index].long_ms].of(starts, confidence)
            starts = starts[upper < 1.0 - _at(limit, starts)]
        if len(firing):
            low = surely_below(bad_short[firing], n_short[firing], _at(limit, firing), confidence)
            over = (n[firing] >= _at(self._enough(index), firing)) & (bad[firing] < (limit * n)[firing])
            fires[firing[low | over | (_at(limit, firing) >= 1.0)]] = False
        fires[starts] = True

    def _ok(self, fires: Flags, sums: Mapping[int, Sums]) -> Flags:
        """Return which series, none of whose tiers fires, stay or become OK."""
        was = self._series_state.kept["word"] == OK
        ok = ~fires & self._series_state.kept["member"]
        # The smallest limit first: it leaves the fewest series to look at closely.
        for index in sorted(range(len(self._tiers)), key=self._limits.__getitem__):
            limit, confidence, tier = self._limit(index), self.rule.confidence, self._tiers[index]
            (bad, n), (bad_short, n_short) = sums[tier.long_ms], sums[tier.short_ms]
            # Above a limit of 1, by a target that is too low for the tier, nothing can be: whatever comes is well.
            allowed = (n > 0) & (limit >= 1.0)
            ok &= (n >= self._enough(index)) | allowed
            if not ok.any():
                break
            unsure = (ok & ~allowed & ~(was & (bad < limit * n))).nonzero()[0]
            if not len(unsure):
                continue
            limits = _at(limit, unsure)
            sure = surely_below(bad_short[unsure], n_short[unsure], limits, confidence)
            sure |= surely_below(bad[unsure], n[unsure], limits, confidence)
            if self.bounds:
                lower, _ = self.bounds[tier.long_ms].of(unsure, confidence)
                sure &= lower > 1.0 - limits
            ok[unsure] = sure
        return np.asarray(ok)

    def _limit(self, index: int) -> Floats | float:
        """Return the ratio of bad events that a tier allows: by slot, (slots,), where versions have targets."""
        if not has_targets(self.rule):
            return self._limits[index]
        return np.asarray(self._tiers[index].factor * (1.0 - self._series_state.kept["target"]))

    def _enough(self, index: int) -> Ints | int:
        """Return, like `_limit`, how many events a window needs to be surely above the limit of a tier."""
        if not has_targets(self.rule):
            return enough(self._limits[index], self.rule.confidence)
        return enough_each(np.asarray(self._limit(index)), self.rule.confidence)

    def _sums(self, span: int) -> Sums:
        totals = self._rings[span].totals
        return totals[:, 1], totals[:, 0] + totals[:, 1]

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
        limits = np.broadcast_to(_at(self._limit(index), slots), len(slots))
        (bad, n), (bad_short, n_short) = self._sums(tier.long_ms), self._sums(tier.short_ms)
        kept = self._series_state.kept
        needed = n[slots] - good_most(n[slots], 1.0 - limits, confidence)
        verdicts = []
        every = bounded(bad[slots], n[slots], confidence)
        if self.bounds:
            every = with_estimate_bounds(self.bounds[tier.long_ms], slots, confidence, every, of_bad=True)
        for row, measured in enumerate(every):
            slot, limit = int(slots[row]), float(limits[row])
            firing = kept["word"][slot] == BAD
            unsure = kept["word"][slot] == INSUFFICIENT and needed[row] <= n[slot]
            evidence = Evidence(
                sli=self.rule.sli,
                good=int(n[slot] - bad[slot]),
                bad=int(bad[slot]),
                **measured,
                confidence=confidence,
                threshold=limit,
                window_ms=tier.long_ms,
                short_window_ms=tier.short_ms,
                short_value=float(bad_short[slot] / n_short[slot]) if n_short[slot] else None,
                detectable=float(needed[row] / n[slot] - limit) if unsure else None,
                since=int(kept["since"][slot]) * self._series_state.pane_ms if firing else None,
            )
            verdicts.append(self._series_state.verdict(slot, names, evidence, tier.severity if firing else None))
        return verdicts


def _at(limit: NDArray[Any] | float, slots: Ints) -> Any:
    """Return what `_limit` or `_enough` says of some slots."""
    return limit[slots] if isinstance(limit, np.ndarray) else limit


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
            derived=("still", "_until", "_declared"),
            added={"bounds": dict},
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
