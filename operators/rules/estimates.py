"""What follows from e-processes (`e_process.py`) besides their verdict: (W,) each, for processes `which`, at `alpha`.

How far apart the ratios of bad events are, which difference would have been seen by now, and how many events decide.
An estimate depends on nothing but the process's own blocks and alpha, whatever others are asked for with it.
"""

import numpy as np

from operators.arrays import Floats, Ints
from operators.stats import ratio_bound
from operators.stats.e_process import EProcesses
from operators.stats.hypergeometric import growth
from operators.stats.multiple_testing import Bools

# The odds ratios that `detectable` tries, 5 % apart; between two of them it interpolates.
TIMES = np.geomspace(1.02, 1_000.0, 200)
STRIDES = 36, 6, 1  # The first place is searched for in steps of this many, each within the step found before.


def points(processes: EProcesses, which: Ints, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Return bounds of the difference of the ratios of bad events, candidate less baseline, (W,) each.

    Those of the odds ratio, read at the baseline's observed ratio; or, where they are closer, those from each arm's own
    ratio, which already say something before anything bad has come.
    """
    return points_between(processes, which, alpha, processes.bounds(alpha, which))


def points_between(
    processes: EProcesses, which: Ints, alpha: Floats | float, odds: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return `points` from the bounds of the odds ratio."""
    lower, upper = odds
    _, b = processes.ratios(which)
    n_c, x_c, n_b, x_b = processes.counts[which].T
    lowest, highest = ratio_bound.both((x_b, n_b), (x_c, n_c), alpha / 2)
    finite = np.where(np.isfinite(upper), upper, 1e12)
    most = np.minimum(shifted(b, finite) - b, 1.0 - b)
    return shifted(b, lower) - b, np.minimum(most, highest - lowest)


def shifted(ratio: Floats, times: Floats) -> Floats:
    """Return the ratio whose odds are `times` those of another."""
    odds = times * ratio / (1.0 - ratio)
    return odds / (1.0 + odds)


def detectable(processes: EProcesses, which: Ints, alpha: Floats | float) -> Floats:
    """Return the smallest true difference of ratios that would have been seen by now, (W,); infinite where none would.

    That is the difference whose expected ln E over the events so far, with the baseline as observed, reaches ln(2 /
    alpha): 1 / alpha, and the weight 1/2 of harm from the first block. A real difference must be somewhat larger, as
    its size has to be learned first, and half of the time larger still, as this is an expectation.
    """
    places, size, by_end = np.zeros(len(which), np.int64), len(TIMES), np.zeros(len(which), bool)
    for stride in STRIDES:
        # What is enough at one place is enough at all that follow, so only the end of each stretch is looked at.
        ends = np.minimum(places[:, None] + np.arange(stride, size + stride, stride), len(TIMES)) - 1
        enough, size = _enough(processes, which, alpha, ends), stride
        by_end |= enough.any(axis=1)
        places += stride * enough.argmax(axis=1)
    b = _observed(processes, which)[3]
    return np.where(by_end, shifted(b, processes.tolerance * TIMES[places]) - b, np.inf)


def _enough(processes: EProcesses, which: Ints, alpha: Floats | float, places: Ints) -> Bools:
    """Return whether a true odds ratio of `TIMES` at these `places` (W, P) would have been seen by now, (W, P)."""
    n_c, n_b, _, b = (column[:, None] for column in _observed(processes, which))
    psi = (processes.tolerance * TIMES)[places]
    bad = n_c * shifted(b, psi) + n_b * b
    grown = growth(np.maximum(n_c, 1), np.maximum(n_b, 1), bad, psi, np.full_like(psi, processes.tolerance))
    needed = np.log(2 / np.broadcast_to(alpha, which.shape))[:, None]
    blocks = np.maximum(processes.blocks[which], 1)
    most = blocks[:, None] * processes.most(np.log(psi), np.log(processes.tolerance))
    return np.asarray(np.minimum(np.where(n_c > 0, grown, 0.0), most) >= needed)


def decides_in(processes: EProcesses, which: Ints, alpha: Floats | float) -> Floats:
    """Return how many further events of the candidate should decide, (W,); infinite where none would.

    Assumes that the odds ratio and the shares of traffic stay as they have been, and counts up to the sooner of BAD and
    OK.
    """
    margin = processes.margin
    n_c, n_b, _, _ = _observed(processes, which)
    psi = processes.ratio(which)
    worse = _events(processes, which, processes.tolerance, -np.log(alpha) - processes.log_e(which))
    better = _events(processes, which, margin, -np.log(alpha) - processes.log_e_not_worse(margin, which))
    soonest = np.minimum(np.where(psi > processes.tolerance, worse, np.inf), np.where(psi < margin, better, np.inf))
    return np.where((n_c > 0) & (n_b > 0), soonest, np.inf)


def _observed(processes: EProcesses, which: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return n_c, n_b and the ratios of bad events of both at the same mix, each (W,)."""
    n_c, _, n_b, _ = processes.counts[which].T.astype(float)
    return n_c, n_b, *processes.ratios(which)


def _events(processes: EProcesses, which: Ints, null: float, needed: Floats) -> Floats:
    """Return how many events of the candidate raise ln E against a null by `needed`, (W,); infinite where none do.

    No block raises it by more than the cap allows.
    """
    n_c, n_b, c, b = _observed(processes, which)
    bad = n_c * c + n_b * b
    psi = np.maximum(processes.ratio(which), 1e-6)
    ends = (psi, np.full_like(psi, null))
    grown = growth(np.maximum(n_c, 1), np.maximum(n_b, 1), bad, *ends)
    blocks = np.maximum(processes.blocks[which], 1)
    grown = np.minimum(grown / blocks, processes.most(np.log(psi), np.log(null)))
    events = np.full(len(needed), np.inf)
    np.divide(needed * n_c / blocks, grown, out=events, where=grown > 1e-12)
    return np.where(needed > 0, events, 0.0)
