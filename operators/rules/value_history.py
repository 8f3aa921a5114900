"""The values of a measure by minute, of both versions of a release: did the baseline's grow as well?

Kept for an hour, in the buckets of histograms (`stats/histogram.py`). Nothing here decides: see
`release/shared_values.py`. Memory: some 20 KB a measure and release, with a hundred different buckets a minute.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.stats.histogram import CODE_BITS, CODE_MIN
from operators.window.sums import sum_by_key

MINUTES = 60  # How many minutes with values are kept.
CANDIDATE, BASELINE = 0, 1
Bucketed = tuple[Ints, Ints]  # Codes, rising, and how many values each has.
NO_VALUES: Bucketed = (np.zeros(0, np.int64), np.zeros(0, np.int64))


class ValueShift(NamedTuple):
    """How a baseline's values have moved since a minute.

    `code` is the bucket of its limit before; `before` and `now` count its values up to that bucket, and above it. Its
    limit is now `rise` buckets higher, and the candidate's `excess` buckets above that.
    """

    code: int
    before: tuple[int, int]
    now: tuple[int, int]
    rise: int
    excess: int


class ValueHistory(msgspec.Struct, kw_only=True):
    """One measure: the values of candidate and baseline by minute since 1970."""

    minutes: dict[int, tuple[Bucketed, Bucketed]] = {}

    def add(self, minute: int, arm: int, codes: Ints, counts: Ints) -> None:
        """Add values of a version; codes may come in any order, and more than once."""
        self.put(minute, arm, summed([self.of(minute, arm), (codes, counts)]))

    def of(self, minute: int, arm: int) -> Bucketed:
        """Return what a version had in a minute."""
        return self.minutes.get(minute, (NO_VALUES, NO_VALUES))[arm]

    def put(self, minute: int, arm: int, values: Bucketed) -> None:
        """Replace all values of a version in a minute."""
        arms = list(self.minutes.get(minute, (NO_VALUES, NO_VALUES)))
        arms[arm] = values
        self.minutes[minute] = arms[0], arms[1]
        while len(self.minutes) > MINUTES:
            del self.minutes[min(self.minutes)]

    def values(self, arm: int, *, before: int | None = None, since: int | None = None) -> Bucketed:
        """Return the values of a version in the minutes before one, or from one on."""
        chosen = [
            arms[arm]
            for minute, arms in self.minutes.items()
            if (before is None or minute < before) and (since is None or minute >= since)
        ]
        return summed(chosen)


def summed(each: list[Bucketed]) -> Bucketed:
    """Return the sum of some values.

    >>> codes, counts = summed([(np.array([7, 9]), np.array([1, 2])), (np.array([9, 8]), np.array([3, 4]))])
    >>> codes.tolist(), counts.tolist()
    ([7, 8, 9], [1, 4, 5])
    """
    return summed_each([each])[0] if each else NO_VALUES


def summed_each(several: Sequence[Sequence[Bucketed]]) -> list[Bucketed]:
    """Return `summed` of each of several, all computed at once.

    >>> one, other = summed_each([[(np.array([9, 8]), np.array([3, 4]))], [(np.array([9]), np.array([1]))]])
    >>> one[0].tolist(), one[1].tolist(), other[0].tolist(), other[1].tolist()
    ([8, 9], [4, 3], [9], [1])
    """
    if not several:
        return []
    parts = [part for each in several for part in each]
    of = np.repeat(np.arange(len(several)), [sum(len(codes) for codes, _ in each) for each in several])
    codes = np.concatenate([codes for codes, _ in parts]) - CODE_MIN
    keys, counts = sum_by_key(of << CODE_BITS | codes, np.concatenate([counts for _, counts in parts]))
    edges = np.searchsorted(keys, np.arange(len(several) + 1) << CODE_BITS).tolist()
    codes = (keys & ((1 << CODE_BITS) - 1)) + CODE_MIN
    return [(codes[start:end], counts[start:end]) for start, end in pairwise(edges)]


def split_at(values: Bucketed, code: int) -> tuple[int, int]:
    """Return how many values are in buckets up to a code, and how many above it."""
    codes, counts = values
    return int(counts[codes <= code].sum()), int(counts[codes > code].sum())
