"""The evidence in one block: an e-variable for "the difference of two ratios of bad events is on this side of d".

A block holds n_c, x_c events and bad events of a candidate and n_b, x_b of a baseline. With bad ratios alt_c, alt_b
chosen before the block is seen, and null_c, null_b the point of the line c = b + d that is nearest to them in
Kullback-Leibler divergence weighted by n_c and n_b,

    e = Bin(x_c | n_c, alt_c) Bin(x_b | n_b, alt_b) / (Bin(x_c | n_c, null_c) Bin(x_b | n_b, null_b))

has an expectation of at most 1 whatever the true ratios of the null are. Source: R. J. Turner, A. Ly, P. D. Grunwald,
"Generic E-variables for exact sequential k-sample tests that allow for optional stopping" (2021), arXiv 2106.02693;
for d other than 0, R. J. Turner, P. D. Grunwald, "Exact anytime-valid confidence intervals for contingency
tables and beyond" (2022), arXiv 2203.09785.

Why <= 1: with true ratios c, b the expectation is (1 + r_c)^n_c (1 + r_b)^n_b, where
r_c = (c - null_c) (alt_c - null_c) / (null_c (1 - null_c)), and r_b likewise. That is at most
exp(n_c r_c + n_b r_b), which is linear in (c, b) and, at the exact projection, nowhere positive on the null.
At an inexact one its largest value on the null is known too, and `log_e` takes it off: a solver that stops early
costs a little evidence, never validity. (The papers project exactly; this is how ours
differs.)
"""

import numpy as np
from numpy.typing import NDArray

from operators.window.partial import Floats

Bools = NDArray[np.bool_]
# Newton steps: after 7 of them 99.95 % of extreme cases (ratios 0.001 to 0.999, blocks of 1 to 100,000) lack less
# than a millionth of a nat. It is a fixed number, so that a row's result never depends on the rows beside it.
STEPS = 7
EDGE = 1e-15  # Nulls stay this far from 0 and 1, where likelihoods would be zero; what that lacks is known too.
LACK_MAX = 1e-3  # Nats. A projection that lacks more than this bets nothing, as known before the block is seen.


def log_e(counts: Floats, alt_c: Floats, alt_b: Floats, d: Floats) -> Floats:
    """Return ln e of W blocks for G differences, shape (W, G).

    `counts` (W, 4) are n_c, x_c, n_b, x_b, the alternatives (W,), `d` (G,).

    Where alt_c - alt_b > d it is evidence against c - b <= d, and elsewhere against c - b >= d. Needs n_c, n_b > 0,
    0 < alt < 1 and -1 < d < 1; then nothing divides by zero, because the projection lies within the unit square too.
    """
    n_c, x_c, n_b, x_b, alt_c, alt_b = (column[:, None] for column in (*counts.T, alt_c, alt_b))
    null_c, null_b, lack = project(n_c, alt_c, n_b, alt_b, d)
    gain = x_c * np.log(alt_c / null_c)
    gain += (n_c - x_c) * np.log((1 - alt_c) / (1 - null_c))
    gain += x_b * np.log(alt_b / null_b)
    gain += (n_b - x_b) * np.log((1 - alt_b) / (1 - null_b))
    return np.where(lack <= LACK_MAX, gain - lack, 0.0)


def growth(n_c: Floats, n_b: Floats, c: Floats, b: Floats, d: Floats) -> Floats:
    """Return the expected ln e, in nats, if c and b are the true ratios and were known; arrays of one shape."""
    null_c, null_b, _ = project(n_c, c, n_b, b, d)
    grown = n_c * (c * np.log(c / null_c) + (1 - c) * np.log((1 - c) / (1 - null_c)))
    grown += n_b * (b * np.log(b / null_b) + (1 - b) * np.log((1 - b) / (1 - null_b)))
    return np.maximum(grown, 0.0)


def project(n_c: Floats, alt_c: Floats, n_b: Floats, alt_b: Floats, d: Floats) -> tuple[Floats, Floats, Floats]:
    """Return (null_c, null_b, lack) over broadcast arguments, each strictly within 0..1.

    `lack` (nats, >= 0) is how far the projection can be from exact: e^-lack makes up for it.
    """
    swapped = d < 0
    width = np.abs(d)
    low, lack = _project(
        np.where(swapped, n_c, n_b),
        np.where(swapped, alt_c, alt_b),
        np.where(swapped, n_b, n_c),
        np.where(swapped, alt_b, alt_c),
        width,
    )
    high = low + width
    return np.where(swapped, low, high), np.where(swapped, high, low), lack


def _project(n: Floats, a: Floats, n_high: Floats, a_high: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Project on the line high = low + width >= low; return `low` and what it lacks.

    The slope of the divergence along the line falls from +inf at low = 0 to -inf at low = top. Newton's method on
    slope * low * (top - low), which has no poles, is kept within the bracket between the two alternatives, and starts
    from the mean of the alternatives weighted by their precision.
    """
    top = 1 - width
    target = a_high - width
    below, above = np.maximum(np.minimum(a, target), EDGE), np.minimum(np.maximum(a, target), top - EDGE)
    noise, noise_high = a * (1 - a) * n_high, a_high * (1 - a_high) * n
    margin = 0.01 * (above - below)  # Off the ends, from where Newton's steps are short.
    low = np.clip((a * noise_high + target * noise) / (noise + noise_high), below + margin, above - margin)
    for _ in range(STEPS):
        slope, bend = _slope(low, n, a, n_high, a_high, width)
        below, above = np.where(slope > 0, low, below), np.where(slope < 0, low, above)
        room = low * (top - low)
        newton = low - slope * room / (slope * (top - 2 * low) - bend * room)
        inside = (newton >= below) & (newton <= above)
        low = np.where(inside, newton, (below + above) / 2)
    slope, _ = _slope(low, n, a, n_high, a_high, width)
    return low, np.maximum(slope * (top - low), -slope * low)


def _slope(low: Floats, n: Floats, a: Floats, n_high: Floats, a_high: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Return minus the first, and the second derivative of the divergence along the line."""
    high = low + width
    spread, spread_high = low * (1 - low), high * (1 - high)
    first, first_high = n * (a - low) / spread, n_high * (a_high - high) / spread_high
    bend = (n + first * (1 - 2 * low)) / spread + (n_high + first_high * (1 - 2 * high)) / spread_high
    return first + first_high, bend
