"""Is a candidate worse than its baseline? One e-process per (SLI, slice) of a release, looked at as often as one likes.

Per difference d two nulls, each about every block so far: "worse" rejects theta_c - theta_b <= d, "not worse" rejects
theta_c - theta_b >= d, with theta the ratios of bad events, which may move from block to block. With e_k the
e-variable of block k (`operators/verdict/block.py`) and weights w_k = 1 / (k (k + 1)) for the damage beginning with it,

    M_k = e_k (M_{k-1} + w_k),    E_k = M_k + 1 - (w_1 + ... + w_k) = M_k + 1 / (k + 1)

is a nonnegative supermartingale from 1, so P(E ever reaches 1 / alpha) <= alpha under the null (Ville 1939). Without
the weights, harm that begins after 500 quiet blocks would take twice as long to show.
Source: Turner, Ly, Grunwald (2021), arXiv 2106.02693; the mixture over starts is the e-detector of J. Shin, A. Ramdas,
A. Rinaldo, "E-detectors" (2022), arXiv 2203.03532, with weights that sum to 1, so that it stays a test.

What was rejected once stays so: the largest E so far is kept. But a proof that the candidate is not worse must not
outlive the time when it was not: where a recent stretch of blocks has a product of e of at least 1 / RELAPSE for
"worse" at d, "not worse" at d must be proven anew, from M = 0. (Throwing evidence away keeps a supermartingale one.)

The alternative of a block comes from earlier blocks only: posterior means with Beta(1/2, 1/2), and exponential
forgetting. It lies on one side of each d. It is in the null that contains that side, so there e = 1: nothing is bet.

Such an alternative knows of harm only some blocks after it began. So at `tolerance` three more processes bet: one with
a shorter memory, and two that the candidate's odds of a bad event are LEAPS times the baseline's, from the first block
on. E is the weighted mean of all four: an e-process as well. A large harm shows in the block it begins in.

Cost, for 300 processes and both nulls of 41 differences: 5.5 ms a step, 1.8 kB of state a process.
"""

from collections.abc import Sequence

import numpy as np

from operators.verdict import block
from operators.window.partial import Floats, Ints

HALF_LIFE = 60.0  # Blocks.
RELAPSE = 0.05  # Under no harm a few releases in a hundred prove once more than they need to.
LEAPS = (3.0, 10.0)  # Odds ratios.
SHORT = 0.4  # Of the half-life.
WEIGHTS = (0.45, 0.35, 0.1, 0.1)  # Of the long memory, the short one, and each leap.
NONE = -1  # A pane number that stands for none.
WORSE, NOT_WORSE = 0, 1
# Differences of ratios at which the confidence sequence is read, each with both signs: 0.001 resolves what a good
# service can promise, and towards 1 nobody needs more than one digit.
MAGNITUDES = (
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04,
    0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9,
)  # fmt: skip


def differences(tolerance: float, margin: float, magnitudes: Sequence[float] = MAGNITUDES) -> Floats:
    """Return the rising grid of d; it holds `tolerance`, `margin` and 0 exactly."""
    return np.unique([*(-each for each in magnitudes), 0.0, *magnitudes, tolerance, margin])


class EProcesses:
    """K processes, as plain arrays that grow, pickle, and depend on nothing but the blocks of their own process.

    `log_m` (K, 2, G): ln M of WORSE and NOT_WORSE. `peaks` (K, 2, G): the largest ln E, since the last relapse.
    `log_more` (K, 3): ln M of the short memory and the leaps. `log_e_peak` (K,): the largest ln E ever of "worse by
    more than `tolerance`". `seen` (K, 4): bad and good events of candidate and baseline with forgetting, what the next
    alternative is made of; `lately` (K, 4) with the shorter memory.
    `counts` (K, 4): n_c, x_c, n_b, x_b of all blocks. `blocks` (K,). `since` (K,): the pane in which the damage began,
    as far as the blocks can tell: the start of the stretch of blocks with the largest product of e; NONE without a bet
    that won. It comes late by the blocks it took to learn that the candidate is worse: a few, if the damage is large.
    """

    def __init__(
        self,
        tolerance: float,
        margin: float,
        half_life: float = HALF_LIFE,
        magnitudes: Sequence[float] = MAGNITUDES,
    ) -> None:
        """Start with no process. ValueError unless -1 < tolerance < 1, 0 < margin < 1 and half_life > 0 [blocks].

        With fewer `magnitudes` (each < 1) bounds are coarser and steps cheaper; verdicts stay the same.
        """
        if not (-1 < tolerance < 1 and 0 < margin < 1 and half_life > 0):
            raise ValueError(
                f"need -1 < tolerance < 1, 0 < margin < 1, half_life > 0, got {tolerance!r}, {margin!r}, {half_life!r}"
            )
        self.tolerance, self.margin = tolerance, margin
        self.grid = differences(tolerance, margin, magnitudes)
        self.at_tolerance = int(np.searchsorted(self.grid, tolerance))
        self.at_margin = int(np.searchsorted(self.grid, margin))
        self.keep = 0.5 ** (1 / half_life)
        self.keep_short = 0.5 ** (1 / (SHORT * half_life))
        self.log_m = np.zeros((0, 2, len(self.grid)))
        self.peaks = np.zeros((0, 2, len(self.grid)))
        self.log_more = np.zeros((0, 1 + len(LEAPS)))
        self.log_e_peak = np.zeros(0)
        self.seen = np.zeros((0, 4))
        self.lately = np.zeros((0, 4))
        self.counts = np.zeros((0, 4), np.int64)
        self.blocks = np.zeros(0, np.int64)
        self.since = np.zeros(0, np.int64)
        # Of "worse" at each d: ln e in total over the recent stretch of blocks, with forgetting, (K, G).
        self._relapse = np.zeros((0, len(self.grid)))
        # The stretch of blocks that ends now: its ln e in total, and the pane it began in; and the best such total.
        self._run = np.zeros(0)
        self._run_since = np.zeros(0, np.int64)
        self._run_best = np.zeros(0)

    @property
    def size(self) -> int:
        return len(self.blocks)

    def grow(self, size: int) -> None:
        """Have at least `size` processes; the new ones have seen nothing."""
        new = max(size - self.size, 0)
        for name, fill in _FILLS.items():
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full((new, *old.shape[1:]), fill, old.dtype)]))

    def only(self, indices: Ints) -> None:
        """Keep these processes, which become 0, 1, ..."""
        for name in _FILLS:
            setattr(self, name, getattr(self, name)[indices])

    def step(self, pane: int, which: Ints, n_c: Ints, x_c: Ints, n_b: Ints, x_b: Ints) -> None:
        """Take a block of each process of `which`, each at most once: x bad events of n, all (W,).

        A block with an empty arm changes nothing, not even the number of blocks. That is valid because traffic is known
        before outcomes are: whatever rule chooses blocks by n alone, the next one chosen has E[e | past] <= 1. It is
        also no loss, because without one of the arms a block says nothing about a difference.
        """
        both = (n_c > 0) & (n_b > 0)
        if not both.any():
            return
        which, counts = which[both], np.column_stack((n_c, x_c, n_b, x_b))[both]
        alt_c, alt_b = _alternatives(self.seen[which])
        gain = block.log_e(counts.astype(float), alt_c, alt_b, self.grid)
        learned = np.where(alt_c - alt_b > self.tolerance, gain[:, self.at_tolerance], 0.0)
        more = self._more(which, counts.astype(float), alt_b)
        self.blocks[which] += 1
        self.counts[which] += counts
        self._bet(which, gain, (alt_c - alt_b)[:, None] > self.grid)
        self._bet_more(which, more)
        self._date(pane, which, _mean(learned, more))
        bad, n = counts[:, 1::2], counts[:, ::2]
        came = np.stack((bad, n - bad), axis=2).reshape(-1, 4)
        self.seen[which] = self.seen[which] * self.keep + came
        self.lately[which] = self.lately[which] * self.keep_short + came

    def log_e(self, which: Ints | slice = slice(None)) -> Floats:
        """Return ln E now, of "the candidate is worse by more than `tolerance`", (K,)."""
        weight = -np.log(self.blocks[which] + 1.0)
        return _mean(self._log_e(which, WORSE, self.at_tolerance), _log_add(self.log_more[which], weight))

    def log_e_not_worse(self, which: Ints | slice = slice(None)) -> Floats:
        """Return ln E now, of "the candidate is not worse by `margin`", (K,)."""
        return self._log_e(which, NOT_WORSE, self.at_margin)

    def bounds(self, alpha: Floats | float, which: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Return bounds of theta_c - theta_b, (K,): each alone is wrong at any time ever with chance <= `alpha`.

        The lower one is the largest d of the grid that was rejected, with all below it, the upper one the smallest
        with all above it; -1 and 1 where none was. What they bound: `lower` < the largest difference of any block so
        far, and `upper` > the smallest since the last relapse. While the difference is constant that is the difference
        itself; where `lower` > `upper`, it has moved.
        """
        rejected = self.peaks[which] >= -np.log(np.broadcast_to(alpha, self.blocks[which].shape))[:, None, None]
        below = np.logical_and.accumulate(rejected[:, WORSE], axis=1).sum(axis=1)
        above = np.logical_and.accumulate(rejected[:, NOT_WORSE, ::-1], axis=1).sum(axis=1)
        ends = np.concatenate(([-1.0], self.grid, [1.0]))
        # Whoever rejects a difference of `tolerance` or less rejects all smaller ones too.
        is_worse = self.log_e_peak[which] >= -np.log(alpha)
        return np.where(is_worse, np.maximum(ends[below], self.tolerance), ends[below]), ends[::-1][above]

    def _more(self, which: Ints, counts: Floats, alt_b: Floats) -> Floats:
        """Return ln e of a block for the short memory and each leap, (W, 3); within `tolerance` nothing is bet."""
        odds = alt_b / (1 - alt_b)
        leaps = [(factor * odds / (1 + factor * odds), alt_b) for factor in LEAPS]
        gains = []
        for bet_c, bet_b in (_alternatives(self.lately[which]), *leaps):
            gain = block.log_e(counts, bet_c, bet_b, np.array([self.tolerance]))[:, 0]
            gains.append(np.where(bet_c - bet_b > self.tolerance, gain, 0.0))
        return np.stack(gains, axis=1)

    def _bet_more(self, which: Ints, gains: Floats) -> None:
        k = self.blocks[which].astype(float)
        self.log_more[which] = _log_add(self.log_more[which], -np.log(k * (k + 1))) + gains
        self.log_e_peak[which] = np.maximum(self.log_e_peak[which], self.log_e(which))

    def _bet(self, which: Ints, gain: Floats, is_worse: block.Bools) -> None:
        k = self.blocks[which].astype(float)
        worse = np.where(is_worse, gain, 0.0)
        log_m = _log_add(self.log_m[which], -np.log(k * (k + 1)))
        log_m[:, WORSE] += worse
        log_m[:, NOT_WORSE] += gain - worse
        relapse = np.maximum(self._relapse[which] * self.keep + worse, 0.0)
        relapsed = relapse >= -np.log(RELAPSE)
        log_m[:, NOT_WORSE][relapsed] = -np.inf
        peaks = self.peaks[which]
        peaks[:, NOT_WORSE][relapsed] = 0.0
        self.peaks[which] = np.maximum(peaks, _log_add(log_m, -np.log(k + 1)))
        self.log_m[which] = log_m
        self._relapse[which] = np.where(relapsed, 0.0, relapse)

    def _date(self, pane: int, which: Ints, gain: Floats) -> None:
        before = self._run[which]
        since = np.where(before > 0, self._run_since[which], pane)
        run = np.maximum(before + gain, 0.0)
        best = run > self._run_best[which]
        self._run[which], self._run_since[which] = run, since
        self._run_best[which] = np.where(best, run, self._run_best[which])
        self.since[which] = np.where(best, since, self.since[which])

    def _log_e(self, which: Ints | slice, side: int, at: int) -> Floats:
        return _log_add(self.log_m[which, side, at], -np.log(self.blocks[which] + 1.0))


def _log_add(log_m: Floats, log_weight: Floats) -> Floats:
    """Return ln(M + weight), of the shape of `log_m` (K, ...); `log_weight` (K,) is finite, so nothing is inf - inf.

    Five times as fast as `np.logaddexp`, and as exact as ln E has to be: 1e-16 nats.
    """
    log_weight = log_weight.reshape(-1, *[1] * (log_m.ndim - 1))
    high = np.maximum(log_m, log_weight)
    total: Floats = high + np.log(1 + np.exp(np.minimum(log_m, log_weight) - high))
    return total


def _alternatives(seen: Floats) -> tuple[Floats, Floats]:
    bad_c, good_c, bad_b, good_b = seen.T
    return (bad_c + 0.5) / (bad_c + good_c + 1), (bad_b + 0.5) / (bad_b + good_b + 1)


def _mean(learned: Floats, more: Floats) -> Floats:
    """Return the logarithm of the weighted mean of e^learned (K,) and e^more (K, 3)."""
    every = np.column_stack((learned, more))
    high = every.max(axis=1, keepdims=True)
    # Column by column: the last bits of a matrix product depend on how many rows there are.
    parts = np.exp(every - high)
    mean: Floats = high[:, 0] + np.log(sum(parts[:, index] * weight for index, weight in enumerate(WEIGHTS)))
    return mean


# The arrays of a process, and what each holds before its first block.
_FILLS: dict[str, float] = {
    "log_m": -np.inf,
    "peaks": 0,
    "log_more": -np.inf,
    "log_e_peak": 0,
    "seen": 0,
    "lately": 0,
    "counts": 0,
    "blocks": 0,
    "since": NONE,
    "_relapse": 0,
    "_run": 0,
    "_run_since": NONE,
    "_run_best": 0,
}
