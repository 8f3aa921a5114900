"""The data contract of one feature: are its values still what the model was made for?

Every finding, like one of PSI, needs a difference that is both large enough to matter, and beyond chance by `sigmas`
standard errors of the two samples. So large windows do not alarm on trifles, nor small ones on noise. A limit
that a person wrote is exact: one value outside breaks it.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from operators.drift.contract_breach import SAMPLES_MIN, ContractBreach, Expectation
from operators.drift.moments import moment_findings
from operators.drift.shares import share_findings
from operators.drift.summary import Summary
from operators.profiles.profile import Profile
from operators.stats.distributions import normal_tail

CARDINALITY_SHARE = 0.5  # Tolerated change of the expected number of categories, up or down.
UNCOUNTED = 0.5  # Rows that a category with none in the reference counts for.


def expectations(profile: Profile) -> dict[str, Expectation]:
    """Return the contract that a profile implies, by feature."""
    return {name: Expectation(reference=field) for name, field in profile.fields.items()}


def check_contract(contract: Mapping[str, Expectation], window: Mapping[str, Summary]) -> list[ContractBreach]:
    """Return every finding of a window, features in the order of the contract, explanations first.

    A feature that `window` lacks was not looked at; one that no event carried is in it, with all its rows missing.
    Fewer than SAMPLES_MIN rows (`Summary.rows`) give no finding, which says nothing.
    """
    return [
        finding
        for feature, expectation in contract.items()
        if feature in window and window[feature].rows >= SAMPLES_MIN
        for finding in findings(feature, expectation, window[feature])
    ]


def findings(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Return the findings of one feature with one row or more; `summary` has the bins of the reference."""
    if len(summary.counts) != expectation.reference.bins:
        raise ValueError(f"{feature}: need {expectation.reference.bins} bins, got {len(summary.counts)}")
    yield from share_findings(feature, expectation, summary)
    yield from _constant(feature, expectation, summary)
    by_chance = _others_by_chance(expectation, summary)
    if not by_chance:
        yield from moment_findings(feature, expectation, summary)
    yield from _range(feature, expectation, summary, by_hand=by_chance)
    yield from _cardinality(feature, expectation, summary)


def _others_by_chance(expectation: Expectation, summary: Summary) -> bool:
    """Tell whether a number that is constant in the reference may vary as often as it does in the window, by chance.

    If k other numbers are as likely in both, the chance that none is among the m numbers of the reference, but all are
    among the n of the window, is at most (n / (n + m)) ** k. That must be above the chance of `sigmas`: 60 rows without
    a flag do not prove that the flag never comes. Older profiles have no bin for such a number alone.
    """
    reference, moments = expectation.reference, expectation.range_of or expectation.reference.moments
    if moments is None or reference.cardinality != 1 or not reference.edges or not summary.n:
        return False
    before = reference.counts[: reference.missing]
    others = (summary.n - summary.counts[before.index(max(before))]) / summary.design
    n, m = summary.n_worth, moments.n / reference.design_effect
    return others * math.log(n / (n + m)) > math.log(float(normal_tail(expectation.sigmas)))


def _range(
    feature: str, expectation: Expectation, summary: Summary, *, by_hand: bool = False
) -> Iterator[ContractBreach]:
    """Find numbers outside the range; `by_hand`: of only those limits that a person wrote."""
    if not summary.n or expectation.reference.moments is None:
        return
    reference = expectation.reference.moments
    low, high = (expectation.low, expectation.high) if by_hand else expectation.bounds
    for observed, expected, limit, broken in (
        (summary.low, reference.low, low, low is not None and summary.low < low),
        (summary.high, reference.high, high, high is not None and summary.high > high),
    ):
        if broken and limit is not None:
            yield ContractBreach(feature=feature, kind="range", observed=observed, expected=expected, limit=limit)


def _constant(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Find a single value in all rows, where the reference's largest bin is too small for that to be chance."""
    reference = expectation.reference
    own, before = summary.counts[: reference.missing], reference.counts[: reference.missing]
    if reference.kind == "number":
        present, single = summary.n, summary.n > 0 and summary.low == summary.high
    else:
        present = sum(own) + summary.counts[reference.unseen]
        single = present in own or (present > 0 and not sum(own) and len(summary.unseen) == 1)
    if not single or reference.cardinality < 2 or present < SAMPLES_MIN:
        return
    share = (max(before) + 0.5) / (sum(before) + 1)
    if present / summary.design * math.log(share) < math.log(float(normal_tail(expectation.sigmas))):
        expected = float(reference.cardinality)
        yield ContractBreach(feature=feature, kind="constant", observed=1.0, expected=expected, limit=2.0)


def _cardinality(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Compare how many of the listed categories occur with how many should among so many rows.

    A finding is too few for the independent rows, or too many for all rows: events of a user may be alike or not.
    """
    reference = expectation.reference
    n = sum(summary.counts[: reference.missing])
    if reference.kind == "number" or n < SAMPLES_MIN:
        return
    observed = sum(count > 0 for count in summary.counts[: reference.missing])
    # Categories that the reference lists with a count of 0 may still come.
    few, many = _categories(expectation, n / summary.design, 0.0), _categories(expectation, n, UNCOUNTED)
    for expected, limit, broken in (
        (few[0], few[0] - few[1], few[0] - observed > few[1]),
        (many[0], many[0] + many[1], observed - many[0] > many[1]),
    ):
        if broken:
            yield ContractBreach(feature=feature, kind="cardinality", observed=observed, expected=expected, limit=limit)


def _categories(expectation: Expectation, rows: float, more: float) -> tuple[float, float]:
    """Return how many categories occur among `rows` independent rows, and how far off that may be.

    The reference is taken to have `more` rows of each category.
    """
    before = np.array(expectation.reference.counts[: expectation.reference.missing]) + more
    absent = (1 - before / max(before.sum(), 1)) ** rows
    expected = float((1 - absent).sum())
    # Occurrences of different categories hinder each other, so the true variance is smaller.
    deviation = math.sqrt(float((absent * (1 - absent)).sum()))
    return expected, max(CARDINALITY_SHARE * expected, expectation.sigmas * deviation)
