"""Is a candidate worse than its baseline? One e-process per (SLI, slice) of a release, valid however often one looks.

What is tested is the odds ratio psi: by what factor the candidate's odds of a bad event exceed the baseline's, in every
stratum (finest slice) and block of time alike. Rates themselves may differ between strata and move in time: a block's
likelihood is conditional on how many events were bad (`operators/stats/hypergeometric.py`), which is free of them. So
a mix of traffic that differs between the versions proves nothing, and strata add up: with L(psi) the sum over the
strata of a block of ln P_psi,

    e(psi, psi0) = min(exp(L(psi) - L(psi0)), cap, (psi / psi0)^2)

is an e-variable of the block for "psi <= psi0" where psi > psi0 (the candidate is no worse than that), and for
"psi >= psi0" where psi < psi0. With weights w_k = 1 / (k (k + 1)) for the harm beginning with block k,

    M_k = e_k (M_{k-1} + w_k),    E_k = M_k + 1 - (w_1 + ... + w_k) = M_k + 1 / (k + 1)

is a nonnegative supermartingale from 1, so P(E ever reaches 1 / alpha) <= alpha under the null (Ville 1939). Without
the weights, harm that begins after 500 quiet blocks would take twice as long to show. E is a mean over alternatives
psi: those of a grid and, at `tolerance`, two that are learned from earlier blocks, with a long and a short memory
(`mantel_haenszel.py`, with forgetting), which have half of the weight. A mean of e-processes is an e-process.

`cap` is for failures that are not independent: a burst, a retry storm, a cold start. No block counts for more than the
cap, whatever came in, and no short incident decides: min(e, cap) <= e is still an e-variable, at any cap. Blocks should
then last as long as a burst does (the policy's `blip`). An alternative close to the null gains less: it would lose
almost nothing in the quiet blocks between two bursts, and add up bursts that are an hour apart. Limited by
(psi / psi0)^2 it gains in a burst about what it loses in between. Without a cap this limit does not apply either.

What was rejected once stays rejected: the largest E so far is kept. But a proof that the candidate is not worse must
not outlive the time for which it held: where a recent stretch of blocks has a product of e of at least 1 / RELAPSE for
"worse", it must be proven anew, from M = 0. (A supermartingale stays one when evidence is thrown away.)

Sources: R. J. Turner, P. D. Grunwald, "Safe sequential testing and effect estimation in stratified count data" (2023),
arXiv 2302.11401, for the setting; the mixture over starts is the e-detector of J. Shin, A. Ramdas, A. Rinaldo,
"E-detectors" (2022), arXiv 2203.03532, with weights that sum to 1, so that it stays a test.
"""

import math
from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints, distinct_rows
from operators.stats.hypergeometric import log_likelihoods
from operators.stats.log_e import NOT_WORSE, WORSE, log_add_each, log_e_each_way, log_mean_of, log_mixture
from operators.stats.mantel_haenszel import adjusted, adjusted_ratios, mantel_haenszel, odds_ratio

HALF_LIVES = (60.0, 24.0)  # Blocks: of the long memory and the short one.
AT_ONCE = 128  # Processes: the intermediate results of more leave the processor's cache, and take twice as long.
RELAPSE = 0.05  # With no harm, a few releases in a hundred have to prove themselves once more than necessary.
RELAPSE_TIMES = 1.6  # A relapse from psi0 is looked for at this multiple of it, or the next above.
# Of psi / psi0, where blocks are capped. With 1, harm of x1.5 takes four times as long; without any, outages of one arm
# that last a blip decide in one release of eight (tests/bench/simulate_bursts.py).
CAP_POWER = 2.0
NONE = -1  # A pane number that stands for none.
# Odds ratios at which the confidence sequence is read; each is also an alternative to the others.
RATIOS = (0.1, 0.2, 0.33, 0.5, 0.63, 0.77, 0.87, 1.0, 1.15, 1.3, 1.6, 2.0, 2.5, 3.2, 5.0, 10.0, 20.0)


class EProcesses:
    """K processes, as plain arrays that grow; each depends on nothing but its own blocks.

    With G odds ratios in `grid`: `log_m` (K, G, G): ln M of alternative [.., j] against the null at [.., i]; those
    above the null say "worse", those below "not worse". `peaks` (K, 2, G): the largest ln E of WORSE and NOT_WORSE,
    since the last relapse. `log_learned` (K, 2): ln M of the learned alternatives at `tolerance`. `log_e_peak` (K,):
    the largest ln E ever of "worse by more than `tolerance`". `weighted` (K, 2, 2): Mantel and Haenszel's sums of both
    arms, by memory; `total` (K, 2): the same without forgetting. `adjusted` (K, 3): the bad events of candidate and
    baseline and their number, each stratum weighted by n_c n_b / (n_c + n_b). `counts` (K, 4): n_c, x_c, n_b, x_b of
    all blocks. `blocks` (K,). `since` (K,): the pane in which the harm began, as far as the blocks can tell: the start
    of the stretch of blocks with the largest product of e; NONE without a bet that won.
    """

    def __init__(
        self,
        tolerance: float,
        margin: float,
        *others: float,
        cap: float = math.inf,
        ratios: Sequence[float] = RATIOS,
    ) -> None:
        """Start without processes; `others` are further ratios to read bounds at. ValueError for impossible arguments.

        With fewer `ratios` bounds are coarser and steps cheaper. Needs tolerance >= 1, others and cap > 1, and margin >
        tolerance.
        """
        if not (1 <= tolerance < margin and all(each > 1 for each in others) and cap > 1):
            raise ValueError(
                f"need 1 <= tolerance < margin, others and cap > 1, got {tolerance!r}, {margin!r}, {others!r}, {cap!r}"
            )
        self.tolerance, self.margin = tolerance, margin
        self.log_cap = math.log(cap)
        self.grid = np.unique([*ratios, tolerance, margin, *others])
        self.at_tolerance = int(np.searchsorted(self.grid, tolerance))
        self.log_m = np.zeros((0, len(self.grid), len(self.grid)))
        self.peaks = np.zeros((0, 2, len(self.grid)))
        self.log_learned = np.zeros((0, len(HALF_LIVES)))
        self.log_e_peak = np.zeros(0)
        self.weighted = np.zeros((0, len(HALF_LIVES), 2))
        self.total = np.zeros((0, 2))
        self.adjusted = np.zeros((0, 3))
        self.counts = np.zeros((0, 4), np.int64)
        self.blocks = np.zeros(0, np.int64)
        self.since = np.zeros(0, np.int64)
        # Of "worse" at each null: ln e in total over the recent stretch of blocks, with forgetting, (K, G).
        self._relapse = np.zeros((0, len(self.grid)))
        # The stretch of blocks that ends now: its total ln e, and the pane it began in; and the best such total.
        self._run = np.zeros(0)
        self._run_since = np.zeros(0, np.int64)
        self._run_best = np.zeros(0)

    @property
    def size(self) -> int:
        return len(self.blocks)

    def grow(self, size: int) -> None:
        """Make sure that there are `size` processes; new ones have seen nothing."""
        new = size - self.size
        if new <= 0:
            return
        for name, fill in _FILLS.items():
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.full((new, *old.shape[1:]), fill, old.dtype)]))

    def only(self, indices: Ints) -> None:
        """Keep these processes, which become 0, 1, ..."""
        for name in _FILLS:
            setattr(self, name, getattr(self, name)[indices])

    def step(self, pane: int, which: Ints, counts: Ints, lasted: float = 1.0) -> None:
        """Take a block that began in `pane`: the strata `counts` (S, 4) n_c, x_c, n_b, x_b, of processes `which` (S,).

        `which` rises; a process may have many strata, or none. Strata with an empty arm change nothing. Which blocks
        and strata are taken may depend on how many events there are, and on nothing else. `lasted` is for forgetting:
        how many blocks of the half-lives this one stands for.
        """
        used = (counts[:, 0] > 0) & (counts[:, 2] > 0)
        which, counts = which[used], counts[used]
        starts = np.flatnonzero(np.diff(which, prepend=-1))
        if not len(starts):
            return
        mine, at, grid = which[starts], self.at_tolerance, np.log(self.grid)
        learned = np.maximum(np.log(self._learned(mine)), math.log(self.tolerance))  # (W, memories)
        # A stratum belongs to as many processes as it belongs to slices.
        distinct, of = distinct_rows(counts)
        blocks, of_each = counts[distinct], np.repeat(learned, np.diff(starts, append=len(which)), axis=0)
        on_grid = np.add.reduceat(log_likelihoods(blocks, grid)[of], starts)  # (W, G)
        bets = np.add.reduceat(log_likelihoods(blocks, of_each, of), starts) - on_grid[:, at, None]
        bets = np.minimum(bets, self.most(learned, grid[at]))
        self.blocks[mine] += 1
        self.counts[mine] += np.add.reduceat(counts, starts)
        for begin in range(0, len(mine), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            self._bet(mine[part], on_grid[part], bets[part], self._keep(0, lasted))
        gains = np.minimum(on_grid[:, at + 1 :] - on_grid[:, at, None], self.most(grid[at + 1 :], grid[at]))
        self._date(pane, mine, log_mixture(gains, bets))
        came = np.add.reduceat(mantel_haenszel(counts), starts)
        self.total[mine] += came
        self.adjusted[mine] += np.add.reduceat(adjusted(counts), starts)
        for memory in range(len(HALF_LIVES)):
            self.weighted[mine, memory] = self.weighted[mine, memory] * self._keep(memory, lasted) + came

    def most(self, log_psi: Floats, log_null: Floats | float) -> Floats:
        """Return the most that a block can add to ln E of an alternative against a null, in their broadcast shape."""
        return (
            np.minimum(self.log_cap, CAP_POWER * abs(log_psi - log_null))
            if np.isfinite(self.log_cap)
            else np.asarray(np.inf)
        )

    def log_e(self, which: Ints | slice = slice(None)) -> Floats:
        """Return ln E now, of "the candidate is worse by more than `tolerance`", (K,)."""
        rest = -np.log(self.blocks[which] + 1.0)
        # Only the rows of the processes that are asked for are copied.
        above = self.log_m[:, self.at_tolerance, self.at_tolerance + 1 :]
        grid = log_add_each(above[which], rest)
        return log_mixture(grid, log_add_each(self.log_learned[which], rest))

    def log_e_not_worse(self, margin: float, which: Ints | slice = slice(None)) -> Floats:
        """Return the present ln E of "the candidate is not worse by the ratio `margin`", (K,); one of the grid."""
        null = int(np.searchsorted(self.grid, margin))
        log_m = log_add_each(self.log_m[which, null], -np.log(self.blocks[which] + 1.0))
        return log_mean_of(log_m, np.arange(len(self.grid)) < null)

    def bounds(self, alpha: Floats | float, which: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Return bounds of psi, (K,): each of them is ever wrong with chance <= `alpha`.

        The lower bound is the largest ratio of the grid that was rejected together with all below it, the upper bound
        the smallest together with all above it; 0 and infinity where none was. What they bound: `lower` < the largest
        odds ratio of any stratum and block so far, and `upper` > the smallest since the last relapse. While the ratio
        is constant that is the ratio itself; where `lower` > `upper`, it has moved.
        """
        rejected = self.peaks[which] >= -np.log(np.broadcast_to(alpha, self.blocks[which].shape))[:, None, None]
        below = np.logical_and.accumulate(rejected[:, WORSE], axis=1).sum(axis=1)
        above = np.logical_and.accumulate(rejected[:, NOT_WORSE, ::-1], axis=1).sum(axis=1)
        ends = np.concatenate(([0.0], self.grid, [np.inf]))
        # A process that rejects `tolerance` rejects all smaller ratios too.
        is_worse = self.log_e_peak[which] >= -np.log(alpha)
        return np.where(is_worse, np.maximum(ends[below], self.tolerance), ends[below]), ends[::-1][above]

    def ratio(self, which: Ints | slice = slice(None)) -> Floats:
        """Return Mantel and Haenszel's estimate of psi over all blocks, (K,); 1 where nothing is known."""
        return odds_ratio(self.total[which])

    def ratios(self, which: Ints | slice = slice(None)) -> tuple[Floats, Floats]:
        """Return the bad ratios of candidate and baseline at the same mix of strata, (K,) each, kept off 0."""
        return adjusted_ratios(self.adjusted[which])

    def _learned(self, which: Ints) -> Floats:
        ratios: Floats = np.clip(odds_ratio(self.weighted[which]), RATIOS[0], RATIOS[-1])
        return ratios

    def _keep(self, memory: int, lasted: float) -> float:
        return float(0.5 ** (lasted / HALF_LIVES[memory]))

    def _bet(self, which: Ints, on_grid: Floats, bets: Floats, keep: float) -> None:
        grid = np.log(self.grid)
        gains = on_grid[:, None, :] - on_grid[:, :, None]
        np.minimum(gains, self.most(grid, grid[:, None]), out=gains)
        k = self.blocks[which].astype(float)
        start = -np.log(k * (k + 1))
        log_m = log_add_each(self.log_m[which], start)
        log_m += gains
        relapse = np.maximum(self._relapse[which] * keep + self._relapsing(gains), 0.0)
        relapsed = relapse >= -np.log(RELAPSE)
        peaks = self.peaks[which]
        if relapsed.any():
            log_m[relapsed[:, :, None] & np.tri(len(self.grid), k=-1, dtype=bool)] = -np.inf
            peaks[:, NOT_WORSE][relapsed] = 0.0
        self.peaks[which] = np.maximum(peaks, log_e_each_way(log_m, self.blocks[which]))
        self.log_m[which] = log_m
        self._relapse[which] = np.where(relapsed, 0.0, relapse)
        self.log_learned[which] = log_add_each(self.log_learned[which], start) + bets
        self.log_e_peak[which] = np.maximum(self.log_e_peak[which], self.log_e(which))

    def _relapsing(self, gains: Floats) -> Floats:
        """Return the gain, for each null (K, G), of an alternative well above it; 0 where the grid has none."""
        above = np.searchsorted(self.grid, self.grid * RELAPSE_TIMES * (1 - 1e-9))
        places = np.minimum(above, len(self.grid) - 1)
        found = gains[:, np.arange(len(self.grid)), places]
        return np.where(above < len(self.grid), found, 0.0)

    def _date(self, pane: int, which: Ints, gain: Floats) -> None:
        before = self._run[which]
        since = np.where(before > 0, self._run_since[which], pane)
        run = np.maximum(before + gain, 0.0)
        best = run > self._run_best[which]
        self._run[which], self._run_since[which] = run, since
        self._run_best[which] = np.where(best, run, self._run_best[which])
        self.since[which] = np.where(best, since, self.since[which])


# The arrays of a process, and what each holds before its first block.
_FILLS: dict[str, float] = {
    "log_m": -np.inf,
    "peaks": 0,
    "log_learned": -np.inf,
    "log_e_peak": 0,
    "weighted": 0,
    "total": 0,
    "adjusted": 0,
    "counts": 0,
    "blocks": 0,
    "since": NONE,
    "_relapse": 0,
    "_run": 0,
    "_run_since": NONE,
    "_run_best": 0,
}
