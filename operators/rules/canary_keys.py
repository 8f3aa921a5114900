"""The keys of a canary rule: what it compares, how much worse counts as worse, and what a promotion needs."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from operators.policy.fields import As, Written
from operators.policy.place import TablePlace
from operators.policy.reading import Duration, Inner
from operators.policy.rules import ReleaseRule

WithoutData = Literal["hold", "promote"]
Unserved = Literal["hold", "promote"]
Points = Annotated[float, Meta(ge=0, lt=1)]
MATURITY_PANES_MAX = 100_000  # Label lags are counted up to a little more (`operators/window/label_ages.py`).


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of a candidate may be larger than the baseline's by `tolerance`: at a quantile, None for the mean."""

    name: str
    quantile: float | None
    tolerance: float


class _Compared(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`measures` of a canary rule: at a `quantile`, or by `statistic = "mean"`."""

    name: str
    quantile: Inner | None = None
    statistic: str | None = None
    tolerance: Annotated[float, Meta(ge=0, le=100)] = 0.0


def _measures(written: Written) -> tuple[Compared, ...]:
    """Return the measures to compare. PolicyError for one that is not kept, is feedback, or comes twice."""
    place = written.place
    known = [measure.name for measure in place.policy.measures if not measure.on_feedback]
    compared: list[Compared] = []
    for each in written.value:
        if each.name not in known:
            named = ", ".join(known) or "(there are none)"
            raise place.refuse("measures", f"must be among measures.names, and no feedback: {named}", each.name)
        by_mean = each.statistic == "mean"
        if (each.quantile is None) != by_mean or (each.statistic is not None and not by_mean):
            raise place.refuse("measures", 'need either `quantile` or `statistic = "mean"`', each.name)
        compared.append(Compared(name=each.name, quantile=each.quantile, tolerance=each.tolerance))
        if (each.name, each.quantile) in [(other.name, other.quantile) for other in compared[:-1]]:
            raise place.refuse("measures", "is named twice", each.name)
    return tuple(compared)


def _maturity(written: Written) -> int | None:
    """Return how old labels are when they are compared; None where it is to be learned."""
    time, place = written.value, written.place
    if time is None:
        return None
    if not any(sli.on_labels for sli in place.policy.slis if sli.name in written.table.slis):
        raise place.refuse("maturity", "is about labels: none of `slis` is on labels", time.text)
    age_ms: int = place.span("maturity", time)
    if age_ms > MATURITY_PANES_MAX * place.policy.pane_ms:
        raise place.refuse("maturity", f"must be at most {MATURITY_PANES_MAX:,} panes", time.text)
    return age_ms


class Canary(ReleaseRule, frozen=True, kw_only=True):
    """The candidate of a release is worse than its baseline on one of `slis` or `measures`.

    Worse: its odds of a bad event are more than `tolerance` times the baseline's, and its ratio of bad events more than
    `tolerance_points` above.

    It may be promoted when it is surely not worse by `margin` times the odds, or not by `margin_points`; and, as what
    is better on the whole may be far worse for some, on no slice with at least `slice_share` of its events by
    `slice_margin` or `slice_margin_points`.

    Values of `measures` are bad if they exceed what the baseline's own did before (`operators/rules/exceeding.py`). A
    candidate is not promoted if an SLI or a measure has no data at all, unless `without_data` says so, nor if it never
    served some slice that matters to the baseline, unless `unserved` says so (`unserved.py`).

    Labels are compared by the time of their requests, as far as they came within `maturity_ms`; None: within the age
    by which nine in ten of the baseline's have come (`operators/rules/label_delays.py`).
    """

    tolerance: float = 1.0
    tolerance_points: Points = 0.0
    margin: float = 1.5
    margin_points: Points = 0.001
    slice_margin: float = 3.0
    slice_margin_points: Points = 0.1
    slice_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    measures: Annotated[tuple[Compared, ...], As(list[_Compared], _measures, list)] = ()
    without_data: WithoutData = "hold"
    unserved: Unserved = "hold"
    maturity_ms: Annotated[int | None, As(Duration | None, _maturity)] = None


def check_keys(rule: Canary, place: TablePlace) -> None:
    """Refuse a scope that cannot be, and ratios below 1, with a hint at the keys that are for differences."""
    if rule.scope == "model":
        raise place.refuse("scope", 'must be "version" with kind = "canary", which compares two')
    if rule.tolerance < 1:
        raise place.refuse("tolerance", "must be a ratio of odds, 1 or more; a difference is `tolerance_points`")
    if rule.cutover_tolerance < 1:
        raise place.refuse("cutover_tolerance", "must be a ratio of odds, 1 or more")
    margins = (
        ("margin", rule.margin, rule.tolerance),
        ("slice_margin", rule.slice_margin, 1.0),
    )
    for name, margin, least in margins:
        if not least < margin:
            allowed = f"must be a ratio of odds above {least:g}; a difference is `{name}_points`"
            raise place.refuse(name, allowed, margin)
