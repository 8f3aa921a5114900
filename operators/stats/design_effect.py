"""How many independent events are the events of some users worth? The design effect of clustered samples.

Events of one user resemble each other, so a test that takes each for a draw of its own finds changes where there are
none. With k_u events of user u out of n, and values that are the same within a user, shares of the events vary as
those of n / d independent ones would: d = sum k_u^2 / n (L. Kish (1965), "Survey Sampling", section 5.4; for tables of
counts J. Rao, A. Scott (1981), J. Am. Stat. Assoc. 76, pp. 221-230). Values that differ within a user need less.

With P = sum k_u (k_u - 1), the ordered pairs of events that share their user, d = 1 + P / n. P is estimated without a
list of users: each has a bucket by hash, buckets only count events, and with c_j of them in the j-th of J, sum k_u^2
is (J * sum c_j^2 - (sum c_j)^2) / (J - 1), without bias and with a relative error of at most sqrt(2 / (J - 1)), 3 %
(M. Thorup, Y. Zhang (2012), SIAM J. Comput. 41, pp. 293-331). Counts add up over panes, partitions and slices.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints

BUCKETS = 2_048


def pairs_of(buckets: NDArray[np.integer[Any]]) -> Floats:
    """Return P >= 0 of K samples, from the number of events in each bucket, (K, BUCKETS).

    >>> rng = np.random.default_rng(4)
    >>> users = np.bincount(rng.integers(0, BUCKETS, 500), minlength=BUCKETS)
    >>> pairs = pairs_of(np.array([4 * users, users]))
    >>> design_effect(pairs, np.array([2_000, 500])).round(1).tolist()
    [4.1, 1.0]
    """
    events = buckets.sum(axis=1, dtype=float)
    squares = (buckets.astype(float) ** 2).sum(axis=1)
    return np.asarray(np.maximum((BUCKETS * squares - events**2) / (BUCKETS - 1) - events, 0.0), float)


def design_effect(pairs: Floats, events: Ints) -> Floats:
    """Return d >= 1 for samples of `events`, from their number of ordered pairs that share a user.

    >>> design_effect(np.array([100.0]), np.array([100])).tolist()
    [2.0]
    """
    return np.asarray(1.0 + pairs / np.maximum(events, 1))
