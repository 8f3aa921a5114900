"""Latency, cost and other measures in a canary: how often a value exceeds a limit that the baseline itself has set.

A limit is a quantile of the baseline's values, or their mean, over blips before the running one: it is known before
anything of the running blip comes in. It is the median of the quantiles of the last `STRETCHES` stretches of blips,
each with enough values to give one: a few slow minutes move it little, and when the baseline is slower for good it soon
follows. An event of the baseline is bad if its value is above the limit, one of the candidate if it is above
(1 + tolerance) times the limit. A candidate whose values are at most (1 + tolerance) times the baseline's, at every
quantile, has bad events no more often, in any slice and whatever the values' distribution: the same exact test as for
SLIs holds (`operators/stats/e_process.py`). A candidate that is slower than that exceeds its limit more often.

A mean is compared by two limits, the baseline's mean and its 95th percentile: values that are all higher by a factor
show at the first, and a few that are far higher at the second. (A bound of the means themselves would need a bound of
the values; with one far out, where costs have tails, it takes many times as long.) For sessions, users and retries the
share of values that counts is that of their events (`thinning.py`).

Values are counted in the buckets of histograms, 2 % wide (`stats/histogram.py`), which makes the counts exact: limits
are edges of buckets, and a tolerance is rounded up to whole buckets.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.rules.canary_keys import Canary, Compared
from operators.rules.value_history import (
    BASELINE,
    CANDIDATE,
    ValueHistory,
    ValueShift,
    split_at,
)
from operators.stats.histogram import B_MIN, GAMMA, codes_of, values_of

TAIL = 0.95  # The quantile at which means are compared, too.
N_MIN = 100  # Values of the baseline in a stretch, and ...
BEYOND_MIN = 5  # ... this many of them above a quantile.
STRETCHES = 15  # A quarter of an hour, in blips of a minute.


class Limit(NamedTuple):
    """A limit on a measure, by its name and number in the policy: a quantile of the baseline, None for its mean.

    `steps` is the tolerance in buckets.
    """

    name: str
    measure: int
    quantile: float | None
    tolerance: float
    steps: int

    @property
    def needs(self) -> int:
        """Return how many values it takes to place the limit."""
        return max(N_MIN, math.ceil(BEYOND_MIN / (1 - (self.quantile or 0.0)) - 1e-9))

    def code_of(self, codes: Ints, counts: Ints) -> int:
        """Return the bucket at whose upper edge the limit lies, from the counts of values by bucket.

        >>> Limit("ms", 0, 0.5, 0.0, 0).code_of(np.array([10, 20, 30]), np.array([50, 1, 49]))
        10
        """
        return self.codes_of_each(codes, counts, np.zeros(1, np.int64))[0]

    def codes_of_each(self, codes: Ints, counts: Ints, starts: Ints) -> list[int]:
        """Return `code_of` for each of several sets of values, none empty, which begin at `starts`."""
        totals = np.add.reduceat(counts, starts)
        if self.quantile is None:
            weighted, edges = values_of(codes) * counts, pairwise([*starts.tolist(), len(codes)])
            # Each is summed by itself, so that the other sets cannot change how its sum is rounded.
            sums = np.array([weighted[start:end].sum() for start, end in edges])
            means: list[int] = codes_of(sums / totals).tolist()
            return means
        sizes = np.diff(starts, append=len(codes))
        upto = np.cumsum(counts) - np.repeat(np.cumsum(totals) - totals, sizes)
        below = upto < np.repeat(self.quantile * totals, sizes)
        found: list[int] = codes[starts + np.add.reduceat(below, starts, dtype=np.int64)].tolist()
        return found

    def of_candidate(self, code: int) -> int:
        """Return the bucket of (1 + tolerance) times the limit; codes of zero and of no limit stay as they are."""
        return code + self.steps if code >= B_MIN else code

    def in_words(self, code: int) -> str:
        """Say in words what was counted as bad."""
        at = "mean" if self.quantile is None else f"p{100 * self.quantile:g}"
        limit, other = (f"{GAMMA**each if each >= B_MIN else 0.0:.4g}" for each in (code, self.of_candidate(code)))
        return f"bad: {self.name} above {limit}, the baseline's {at}, and of the candidate above {other}"


def columns(rule: Canary) -> int:
    """Return how many comparisons share the alpha of a rule: its SLIs, and the limits of its measures."""
    return len(rule.slis) + sum(len(_quantiles(each)) for each in rule.measures)


def limits_of(rule: Canary, policy: Policy) -> tuple[Limit, ...]:
    """Return the limits of a rule: each is a column beside those of its SLIs."""
    names = [measure.name for measure in policy.measures]
    limits: list[Limit] = []
    for each in rule.measures:
        steps = math.ceil(math.log1p(each.tolerance) / math.log(GAMMA) - 1e-9)
        limits += [
            Limit(each.name, names.index(each.name), quantile, each.tolerance, steps) for quantile in _quantiles(each)
        ]
    return tuple(limits)


def _quantiles(measure: Compared) -> tuple[float | None, ...]:
    return (None, TAIL) if measure.quantile is None else (measure.quantile,)


class Exceeding(msgspec.Struct, kw_only=True):
    """The baseline's recent values of one release, and the `codes` of the limits that follow from them, by number.

    `values` are the codes and counts of the current stretch of blips, by measure; `lately` are the codes of each limit
    over the last stretches, the newest last; `history` is what both versions had in the last hour, by measure. New
    values are put here by `gathered_values.py`.
    """

    limits: tuple[Limit, ...]
    values: dict[int, tuple[Ints, Ints]] = {}
    codes: dict[int, int] = {}  # A limit without a code has too few values yet.
    lately: dict[int, list[int]] = {}
    history: dict[int, ValueHistory] = {}

    def shift(self, number: int, since: int, code: int | None) -> ValueShift | None:
        """Return how the values of the baseline have moved since a minute, by a limit; None without values to tell.

        `code` is the bucket of the limit before; None: it follows from the minutes before.
        """
        limit, history = self.limits[number], self.history.get(self.limits[number].measure, ValueHistory())
        before = history.values(BASELINE, before=since)
        mine, other = (history.values(arm, since=since) for arm in (CANDIDATE, BASELINE))
        if not (len(mine[0]) and len(other[0]) and (len(before[0]) or code is not None)):
            return None
        was = limit.code_of(*before) if code is None else code
        now = limit.code_of(*other)
        return ValueShift(
            code=was,
            before=split_at(before, was),
            now=split_at(other, was),
            rise=now - was,
            excess=limit.code_of(*mine) - now,
        )


def renew(several: Sequence[Exceeding]) -> None:
    """End a blip of releases of one rule: set limits anew where the current stretch has enough values.

    Another stretch begins there.
    """
    limits = several[0].limits if several else ()
    for measure in sorted({limit.measure for limit in limits}):
        needed = max(limit.needs for limit in limits if limit.measure == measure)
        ended = [each for each in several if measure in each.values and each.values[measure][1].sum() >= needed]
        if not ended:
            continue
        codes, counts = (np.concatenate([each.values[measure][at] for each in ended]) for at in (0, 1))
        sizes = np.array([len(each.values[measure][0]) for each in ended])
        for number, limit in enumerate(limits):
            if limit.measure == measure:
                for each, code in zip(ended, limit.codes_of_each(codes, counts, np.cumsum(sizes) - sizes), strict=True):
                    lately = [*each.lately.get(number, []), code][-STRETCHES:]
                    each.lately[number] = lately
                    each.codes[number] = sorted(lately)[len(lately) // 2]
        for each in ended:
            del each.values[measure]
