"""The keys of a burn-rate rule, and its words in `rollguard check`."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from operators.policy.fields import As, SliName, WholePanes, Written
from operators.policy.place import TablePlace
from operators.policy.reading import Confidence, Inner, span
from operators.policy.rules import Rule
from operators.policy.tiers import Tier, TierTable, tiers_of
from operators.rules.targets import check_targets, targets_in_words
from operators.spans import DAY_MS
from operators.stats.binomial_tails import good_most
from operators.wire.events import Id

SEVERITIES = ("page", "ticket", "info")  # The worst first.


def _tiers(written: Written) -> tuple[Tier, ...]:
    table, place = written.table, written.place
    period_ms = place.span("period", table.period_ms)
    return tiers_of(written.value, f"{place.prefix}.tiers", table.target, period_ms, place.policy.pane_ms)


class BurnRate(Rule, frozen=True, kw_only=True):
    """The error budget of `target` over `period_ms` is spent too fast, by one of `tiers`, each with a severity."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"severity"})

    sli: SliName
    target: Inner
    targets: dict[Id, Inner] = msgspec.field(default_factory=dict)
    release_targets: bool = False
    period_ms: Annotated[int, WholePanes()] = 30 * DAY_MS
    tiers: Annotated[tuple[Tier, ...], As(Annotated[list[TierTable], Meta(min_length=1)] | None, _tiers)]
    confidence: Confidence = 0.99

    @property
    def sli_names(self) -> tuple[str, ...]:
        return (self.sli,)

    @property
    def target_least(self) -> float:
        return 1.0 - 1.0 / max(tier.factor for tier in self.tiers)


def check_burn_rate(rule: BurnRate, place: TablePlace) -> None:
    """PolicyError where a tier could never fire by the target of some version."""
    check_targets(rule, place)
    for version, target in rule.targets.items():
        if target <= rule.target_least + 1e-9:
            factor = max(tier.factor for tier in rule.tiers)
            allowed = f"must be above {rule.target_least:.4g}: else a tier of {factor:.4g} times the budget never fires"
            raise place.refuse(f"targets.{version}", allowed, target)


def burns_when(rule: BurnRate) -> str:
    """Return what is BAD, in words."""
    others = targets_in_words(rule)
    return f"the {span(rule.period_ms)} budget of {rule.sli} {rule.target:.6g}{others} burns too fast, surely"


def detectable_burns(rule: BurnRate) -> Iterator[str]:
    """Yield, for each tier, how many bad events make it fire, at some numbers of events."""
    sizes = np.array([10, 100, 1_000])
    for tier in rule.tiers:
        limit = tier.factor * (1.0 - rule.target)
        fewest = sizes - good_most(sizes, 1.0 - limit, rule.confidence)
        seen = ", ".join(f"{few} of {n:,}" for few, n in zip(fewest.tolist(), sizes.tolist(), strict=True) if few <= n)
        windows = f"{span(tier.long_ms)} and {span(tier.short_ms)}"
        yield f"{tier.severity}: x{tier.factor:.4g}, {limit:.2%} bad in {windows}; {seen or 'nothing below 1,000'}"
