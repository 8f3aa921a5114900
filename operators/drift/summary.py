"""One feature over one window: what all its checks need, from sums that add up over panes.

An event costs one bin count and two sums; the values themselves are not kept.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.profiles.binning import Value, category_bins, number_bins, numbers_of, texts_of
from operators.profiles.profile import Field

NAMES_MAX = 5  # Unseen categories that are named; the rest are only counted.


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` of the field's bins (missing and unseen last); of the numbers: `n`, `mean`, `sd`, `low` and `high`.

    Without numbers n is 0 and the others are NaN; with one, sd is 0. `unseen`: some values of that bin. `design`: how
    many rows are worth one independent row.
    """

    counts: tuple[int, ...]
    n: int = 0
    mean: float = np.nan
    sd: float = np.nan
    low: float = np.nan
    high: float = np.nan
    unseen: tuple[str, ...] = ()
    design: float = 1.0

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def n_worth(self) -> float:
        """How many independent numbers its numbers are worth."""
        return self.n / self.design


def summary_of(field: Field, values: Sequence[Value]) -> Summary:
    """Return the summary of a column of values.

    >>> from operators.profiles.build import number_field
    >>> summary_of(number_field(np.array([1.0, 2.0])), [2.0, None, "x", 4.0]).counts
    (0, 2, 1, 1)
    """
    unseen: list[str]
    if field.kind == "category":
        bins = category_bins(field.categories, values)
        listed = set(field.categories)
        unseen = sorted({text for text in texts_of(values) if text is not None and text not in listed})
        numbers = np.zeros(0)
    else:
        numbers = numbers_of(values)
        bins = number_bins(field.edges, numbers)
        unseen = sorted({value for value in values if isinstance(value, str)})
    counts = tuple(np.bincount(bins, minlength=field.bins).tolist())
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return Summary(counts=counts, unseen=tuple(unseen[:NAMES_MAX]))
    return Summary(
        counts=counts,
        n=len(finite),
        mean=float(finite.mean()),
        sd=float(finite.std(ddof=1)) if len(finite) > 1 else 0.0,
        low=float(finite.min()),
        high=float(finite.max()),
        unseen=tuple(unseen[:NAMES_MAX]),
    )
