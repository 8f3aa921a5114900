"""Burn rate: the error budget of an SLO is being spent too fast, judged in tiers of a long and a short window.

`burn_tiers.py` says when a tier fires, and when it stops. BAD while one fires; the verdict has the severity of the
worst one, and is written again when that changes. OK once no tier fires any more, or once each tier has a window whose
upper bound is below the limit. It stays OK while in each tier the plain ratio of the long window, with enough events,
is below the limit, or that of the short window surely is. Otherwise INSUFFICIENT.

Sources: B. Beyer and others, "The Site Reliability Workbook" (2018), chapter 5, multiwindow, multi-burn-rate alerts,
which uses the ratios alone; bounds of Clopper and Pearson, see `operators/stats/binomial_tails.py`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, any_of_row, put_rows, rows_differ, true_at, union_of
from operators.policy.policy import Policy
from operators.policy.tiers import Tier
from operators.rules.burn_rate_keys import SEVERITIES, BurnRate, burns_when, check_burn_rate, detectable_burns
from operators.rules.burn_tiers import BurnTiers
from operators.rules.burn_windows import BurnWindows
from operators.rules.estimate_bounds import estimate_bounds_of, with_estimate_bounds
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import BadRatios, inner
from operators.rules.rings import Ring
from operators.rules.series_state import BAD, INSUFFICIENT, OK, SeriesState, bounded
from operators.rules.targets import TARGET, HeldToTargets, fill_targets, has_targets
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.stats.binomial_tails import good_most
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.wire.control import Evidence, Word

Kept = NDArray[Any]  # Rows of `SeriesState`.


class BurnRateEvaluator(HeldToTargets):
    """Keeps a ring for each length of window, and by slot which tiers fire. One pane of 300 series: 0.7 ms."""

    # The slots that an empty pane may change, with these sums: None where that may be any.
    _open: Ints | None = None
    still: bool | None = False  # Whether an empty pane would change nothing, with these sums; None: not worked out yet.

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
        """Derive the windows and limits from the rule and from what is saved."""
        self._windows = BurnWindows(self._rings, self._tiers)
        self._burns = BurnTiers(self.rule, self._tiers, self._limits, self.bounds)

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

        Return the new rows of these slots, (K,), and the slots whose verdict has changed.
        """
        kept = self._series_state.kept.take(slots)
        if not len(slots):
            return kept, slots
        sums = self._windows.sums(slots)
        fired = any_of_row(kept["fires"])
        self._burns.start_and_stop(kept, slots, sums)
        fires = any_of_row(kept["fires"])
        kept["since"][fires & ~fired] = pane
        word = np.where(fires, BAD, np.where(fired | self._burns.ok(kept, slots, fires, sums), OK, INSUFFICIENT))
        worst = kept["fires"].argmax(axis=1)
        other = self._severities[worst] != self._severities[kept["worst"]]
        changed = slots[(word != kept["word"]) | (fires & other)]
        kept["word"], kept["worst"] = word, worst
        return kept, changed

    def _stays(self) -> bool:
        """Tell whether an empty pane would change nothing, by stepping a copy."""
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

    def _compare(self, slots: Ints) -> None:
        self._open = None

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
        limits = np.broadcast_to(self._burns.limits_of(kept)[..., index], len(slots))
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


def by_tier(rule: BurnRate, evidence: Evidence) -> BadRatios | None:
    """Return the ratio of bad events that was found, and the one that the target of its version allows."""
    if evidence.good is None or evidence.bad is None:
        return None
    windows = evidence.window_ms, evidence.short_window_ms
    factors = [tier.factor for tier in rule.tiers if (tier.long_ms, tier.short_ms) == windows]
    well = evidence.threshold / factors[0] if evidence.threshold is not None and factors else 1.0 - rule.target
    return BadRatios(inner(evidence.good, evidence.bad), well)


KIND = RuleKind(
    name="burn_rate",
    rule=BurnRate,
    evaluator=BurnRateEvaluator,
    recovery=by_tier,
    when=burns_when,
    detects=detectable_burns,
    check=check_burn_rate,
    saved=(
        Saved("rule.burn_rate", BurnRate),
        Saved("rule.tier", Tier),
        Saved(
            "burn_rate",
            BurnRateEvaluator,
            ("rule", "_tiers", "_limits", "_finest", "_rings", "_severities", "_series_state", "bounds"),
            derived=("still", "_open", "_declared", "_windows", "_burns"),
            added={"bounds": dict},
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
