"""Contract checks of shares: values that are missing, of the wrong type, or in no known category.

Chance is exact: with r of m in the reference the hits among n follow a beta-binomial distribution with
a = r + 1/2, b = m - r + 1/2 (Jeffreys), and its tail must be below that of `sigmas`.
"""

from collections.abc import Iterator

from operators.drift.contract_breach import ContractBreach, Expectation, FindingKind
from operators.drift.summary import Summary
from operators.stats.distributions import beta_binomial_tail, normal_tail

MISSING_SHARE_RISE = 0.05  # Of all rows: a smaller rise matters to no model.


def share_findings(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Return the findings on the shares of one feature."""
    yield from _missing(feature, expectation, summary)
    yield from _unseen(feature, expectation, summary)
    yield from _forbidden(feature, expectation, summary)


def _missing(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    reference = expectation.reference
    hits, rows = summary.counts[reference.missing], summary.rows
    expected, limit = reference.missing_share, expectation.missing_share_max
    if limit is None:
        limit = expected + MISSING_SHARE_RISE
        # Where most values were missing before, only all of them can be beyond the limit.
        broken = hits / rows > min(limit, 1 - 0.5 / rows) and _beyond_chance(
            hits, reference.missing, expectation, summary
        )
    else:
        broken = hits / rows > limit
    if broken:
        kind: FindingKind = "absent" if hits == rows else "missing"
        yield ContractBreach(feature=feature, kind=kind, observed=hits / rows, expected=expected, limit=limit)


def _unseen(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    reference = expectation.reference
    if expectation.categories is not None:
        return
    hits, rows = summary.counts[reference.unseen], summary.rows
    expected = reference.counts[reference.unseen] / max(reference.rows, 1)
    if hits / rows > expected and _beyond_chance(hits, reference.unseen, expectation, summary):
        yield ContractBreach(
            feature=feature,
            kind="type" if reference.kind == "number" else "category",
            observed=hits / rows,
            expected=expected,
            limit=expected,
            values=summary.unseen,
        )


def _forbidden(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Find categories that a person did not allow; the reference may have these categories."""
    allowed = expectation.categories
    if allowed is None:
        return
    names = expectation.reference.categories
    counted = zip(names, summary.counts, strict=False)
    others = {name: n for name, n in counted if n and name not in allowed}
    hits = sum(others.values()) + summary.counts[expectation.reference.unseen]
    if hits:
        values = (*others, *summary.unseen)
        yield ContractBreach(
            feature=feature, kind="category", observed=hits / summary.rows, expected=0.0, limit=0.0, values=values
        )


def _beyond_chance(hits: int, bin_: int, expectation: Expectation, summary: Summary) -> bool:
    reference = expectation.reference
    before, of = (count / reference.design_effect for count in (reference.counts[bin_], reference.rows))
    # Rows of one user are hits together, so they count as the independent rows that they are worth.
    hits, rows = int(hits / summary.design), round(summary.rows / summary.design)
    return beta_binomial_tail(hits, rows, before + 0.5, of - before + 0.5) < float(normal_tail(expectation.sigmas))
