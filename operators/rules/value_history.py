"""The values of a measure by minute, of both versions of a release: did the baseline's become larger as well?

Kept for an hour, in the buckets of histograms (`stats/histogram.py`). Nothing here decides: see
`release/shared_values.py`. Memory: some 20 KB a measure and release, with a hundred different buckets a minute.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.stats.histogram import CODE_MIN
from operators.window.partial import sum_by_key

MINUTE_MS = 60_000
MINUTES = 60  # How many are kept, of those with values.
CANDIDATE, BASELINE = 0, 1
Bucketed = tuple[Ints, Ints]  # Codes, rising, and how many values each has.
NO_VALUES: Bucketed = (np.zeros(0, np.int64), np.zeros(0, np.int64))


class ValueShift(NamedTuple):
    """How a baseline's values have moved since a minute.

    `code` is the bucket of its limit before; `before` and `now` count its values up to that bucket, and above it. By
    `rise` buckets its limit is higher now, by `excess` buckets the candidate's is above that.
    """

    code: int
    before: tuple[int, int]
    now: tuple[int, int]
    rise: int
    excess: int


class ValueHistory(msgspec.Struct, kw_only=True):
    """Of one measure: by minute since 1970 what candidate and baseline had."""

    minutes: dict[int, tuple[Bucketed, Bucketed]] = {}

    def add(self, minute: int, arm: int, codes: Ints, counts: Ints) -> None:
        """Take values of a version; codes may come in any order, and more than once."""
        arms = list(self.minutes.get(minute, (NO_VALUES, NO_VALUES)))
        arms[arm] = summed([arms[arm], (codes, counts)])
        self.minutes[minute] = arms[0], arms[1]
        while len(self.minutes) > MINUTES:
            del self.minutes[min(self.minutes)]

    def values(self, arm: int, *, before: int | None = None, since: int | None = None) -> Bucketed:
        """Return what a version had in the minutes before one, or from one on."""
        chosen = [
            arms[arm]
            for minute, arms in self.minutes.items()
            if (before is None or minute < before) and (since is None or minute >= since)
        ]
        return summed(chosen)


def summed(each: list[Bucketed]) -> Bucketed:
    """Return all of these together.

    >>> codes, counts = summed([(np.array([7, 9]), np.array([1, 2])), (np.array([9, 8]), np.array([3, 4]))])
    >>> codes.tolist(), counts.tolist()
    ([7, 8, 9], [1, 4, 5])
    """
    if not each:
        return NO_VALUES
    codes = np.concatenate([codes for codes, _ in each]) - CODE_MIN
    keys, counts = sum_by_key(codes, np.concatenate([counts for _, counts in each]))
    return keys + CODE_MIN, counts


def split_at(values: Bucketed, code: int) -> tuple[int, int]:
    """Return how many values are in buckets up to a code, and above it."""
    codes, counts = values
    return int(counts[codes <= code].sum()), int(counts[codes > code].sum())
