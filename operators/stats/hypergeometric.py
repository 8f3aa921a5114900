"""How likely a split of bad events between two arms is, for each odds ratio: Fisher's noncentral hypergeometric.

A block of one stratum holds n_c, x_c events and bad events of a candidate and n_b, x_b of a baseline. Given that
m = x_c + x_b are bad, and that the candidate's odds of a bad event are psi times the baseline's,

    P_psi(x_c | m) = C(n_c, x_c) C(n_b, m - x_c) psi^x_c / sum_j C(n_c, j) C(n_b, m - j) psi^j,

whatever the baseline's own rate is: conditioning on m removes it. Where m = 0, or an arm is empty, P = 1 for every psi:
such a block says nothing. P_psi / P_psi0 rises with x_c for psi > psi0 (monotone likelihood ratio), so its expectation
is 1 at psi0 and below 1 under every smaller odds ratio.

Source: R. A. Fisher, "The logic of inductive inference", JRSS 98 (1935), 39-82; P. McCullagh, J. A. Nelder,
"Generalized Linear Models" (1989), section 7.3.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import special

from operators.arrays import Floats, Ints, nth_of_each

# Splits of a block that are summed one by one. Of more, those within some 12 standard deviations of the likeliest are
# summed in steps of an eighth of one: the sum of a smooth bell over a grid this fine is that over all but for 1e-60.
SPLITS_MAX = 400
PLACES = np.arange(-100, 101)
SPLITS_AT_ONCE = 4_096  # Of many blocks together: the intermediate results of this many stay in the processor's cache.
STEPS_OF_DEVIATION = 8.0
LOG_FACTORIALS = special.gammaln(np.arange(1 << 14) + 1.0)  # Reading one takes a tenth of the time of computing it.
# Places and weights for the area between two curves; eight are far more exact than needed.
GAUSS_LEGENDRE = list(zip(*(each.tolist() for each in np.polynomial.legendre.leggauss(8)), strict=True))


class _Splits(NamedTuple):
    """Every possible split of D blocks, one after the other: those of a block are `sizes` (D,) from `starts` (D,) on.

    `steps` say how many more of the bad events are the candidate's than was observed; `ways` are the logarithms of the
    number of ways to split so, less that of the observed split.
    """

    sizes: Ints
    starts: Ints
    steps: Ints
    ways: Floats


def log_likelihoods(counts: Ints, log_psi: Floats, of: Ints | None = None) -> Floats:
    """Return ln P of W blocks, `counts` (W, 4) n_c, x_c, n_b, x_b, at G odds ratios each, `log_psi` (W, G) or (G,).

    Where `of` (W,) is given, the blocks are those of the D in `counts` (D, 4). Exact up to rounding, also where psi^x
    is beyond any float. A row's result does not depend on the others. Cost: some 0.5 us for each possible split, and
    1 ms for a block with more than `SPLITS_MAX`.

    >>> log_likelihoods(np.array([[1, 1, 1, 0], [5, 0, 9, 0]]), np.log([1.0, 3.0])).round(3).tolist()
    [[-0.693, -0.288], [-0.0, -0.0]]
    """
    of = np.arange(len(counts)) if of is None else of
    n_c, x_c, n_b, x_b = counts.T
    sizes = np.minimum(n_c, x_c + x_b) - np.maximum(x_c + x_b - n_b, 0) + 1
    many = sizes > SPLITS_MAX
    splits = _splits(counts, np.where(many, 0, sizes))
    of_each = np.broadcast_to(log_psi, (len(of), log_psi.shape[-1]))
    out = np.zeros(of_each.shape)
    few = np.flatnonzero(~many[of])
    for part in _parts(sizes[of[few]]):
        some = few[part]
        out[some] = _of_few(splits, of[some], log_psi if log_psi.ndim == 1 else log_psi[some])
    for row in np.flatnonzero(many[of]).tolist():
        out[row] = _of_many(counts[of[row]], of_each[row])
    return out


def _parts(sizes: Ints) -> Iterator[slice]:
    """Yield slices of blocks with `sizes` splits, each with few enough splits."""
    edges = np.flatnonzero(np.diff(np.cumsum(sizes) // SPLITS_AT_ONCE, prepend=-1)).tolist()
    for begin, end in pairwise((*edges, len(sizes))):
        yield slice(begin, end)


def _splits(counts: Ints, sizes: Ints) -> _Splits:
    _, x_c, n_b, x_b = counts.T
    first, observed = np.maximum(x_c + x_b - n_b, 0) - x_c, _log_ways(counts, np.zeros_like(x_c))
    steps, ways = np.zeros(int(sizes.sum()), np.int64), np.zeros(int(sizes.sum()))
    starts = np.cumsum(sizes) - sizes
    for part in _parts(sizes):
        block = np.repeat(np.arange(part.start, part.stop), sizes[part])
        here = slice(int(starts[part.start]), int(starts[part.start]) + len(block))
        steps[here] = nth_of_each(sizes[part]) + first[block]
        ways[here] = _log_ways(counts[block], steps[here]) - observed[block]
    return _Splits(sizes, starts, steps, ways)


def _of_few(splits: _Splits, blocks: Ints, log_psi: Floats) -> Floats:
    """Sum over every possible split of some blocks."""
    sizes = splits.sizes[blocks]
    at = nth_of_each(sizes) + np.repeat(splits.starts[blocks], sizes)
    row, starts = np.repeat(np.arange(len(blocks)), sizes), np.cumsum(sizes) - sizes
    # The terms are less that of the observed split, so their sum is 1 / P.
    terms = splits.steps[at][:, None] * (log_psi if log_psi.ndim == 1 else log_psi[row])
    terms += splits.ways[at][:, None]
    highest = np.maximum.reduceat(terms, starts)
    terms -= highest[row]
    return -(highest + np.log(np.add.reduceat(np.exp(terms, out=terms), starts)))


def _of_many(block: Ints, log_psi: Floats) -> Floats:
    """Sum over the likely splits of one block, around the mean of each odds ratio."""
    n_c, x_c, n_b, x_b = block.tolist()
    bad = x_c + x_b
    low, high = max(bad - n_b, 0), min(n_c, bad)
    mean = np.clip(mean_split(np.array(n_c), np.array(n_b), np.array(bad), np.exp(log_psi)), low + 0.5, high - 0.5)
    deviation = 1.0 / np.sqrt(1 / mean + 1 / (n_c - mean) + 1 / (bad - mean) + 1 / (n_b - bad + mean))
    stride = np.ceil(deviation / STEPS_OF_DEVIATION)
    splits = np.rint(mean)[:, None] + PLACES * stride[:, None]  # (G, places)
    steps = (np.clip(splits, low, high) - x_c).astype(np.int64)
    ways = _log_ways(block, steps) - _log_ways(block, np.zeros(1, np.int64))
    terms = np.where((splits >= low) & (splits <= high), ways + steps * log_psi[:, None], -np.inf)
    highest = terms.max(axis=1)
    sums = np.exp(terms - highest[:, None]).sum(axis=1) * stride
    total: Floats = -(highest + np.log(sums))
    return total


def _log_ways(counts: Ints, steps: Ints) -> Floats:
    """Return ln C(n_c, x_c + step) C(n_b, x_b - step), less what all splits of a block have in common."""
    n_c, x_c, n_b, x_b = counts.T
    parts = (x_c + steps, n_c - x_c - steps, x_b - steps, n_b - x_b + steps)
    first, second, third, last = (_log_factorial(part) for part in parts)
    return -(first + second + third + last)


def _log_factorial(n: Ints) -> Floats:
    """Return ln n!, to the same bits as SciPy."""
    few: Floats = special.gammaln(n + 1.0) if n.max(initial=0) >= len(LOG_FACTORIALS) else LOG_FACTORIALS[n]
    return few


def mean_split(n_c: Floats, n_b: Floats, bad: Floats, psi: Floats) -> Floats:
    """Return about how many of `bad` events are the candidate's at an odds ratio, over broadcast arguments.

    It is the split whose empirical odds ratio is psi: the root of x (n_b - bad + x) = psi (n_c - x) (bad - x).
    """
    a = 1.0 - psi
    b = n_b - bad + psi * (n_c + bad)
    c = -psi * n_c * bad
    # The root that stays finite as psi passes 1, where the equation is linear.
    return -2 * c / (b + np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)) + 1e-300)


def growth(n_c: Floats, n_b: Floats, bad: Floats, psi: Floats, null: Floats) -> Floats:
    """Return about how much ln P_psi / P_null grows, in nats, if psi is the true odds ratio; all of one shape.

    The derivative of ln P by ln psi is the split less its mean, so this is the area between two mean splits.
    """
    low, high = np.log(null), np.log(psi)
    middle, half = (high + low) / 2, (high - low) / 2
    now = mean_split(n_c, n_b, bad, psi)
    parts = [
        weight * (now - mean_split(n_c, n_b, bad, np.exp(middle + half * place))) for place, weight in GAUSS_LEGENDRE
    ]
    area: Floats = np.maximum(half * sum(parts), 0.0)
    return area
