"""What one (SLI, slice) of a release says of the candidate: BAD, OK or INSUFFICIENT, and why.

BAD: the E-value of "worse by more than `tolerance`" has ever reached 1 / alpha; it stays BAD. OK: the difference of
bad ratios was shown to be below `margin`, without a relapse since, and each arm has had enough events to know. Else
INSUFFICIENT. Each of the two words is ever wrong with chance <= alpha, however often one looks, while the difference
does not move; what they promise while it moves is said at `EProcesses.bounds`.
"""

import msgspec
import numpy as np

from operators.control import Arm, Evidence, Word
from operators.verdict import block
from operators.verdict.e_process import NONE, EProcesses
from operators.window.partial import Floats, Ints

BAD_MIN = 5  # Bad events of an arm that are enough to know its ratio by.
# Without so many, an arm needs this over `margin` events: none bad in 3 / r excludes a ratio of r at 95 %.
EVENTS_TIMES_MARGIN_MIN = 3.0
# Where `detectable` looks; between two of them, 5 % apart, it draws a line.
ABOVE_TOLERANCE = np.geomspace(1e-5, 1.0, 256)


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """What one SLI may be wrong with: about all traffic, and about all of its slices together."""

    all_traffic: float
    slices: float


def levels(alpha: float, slis: int, slices_act: bool) -> Levels:
    """Share the promise of a release between its SLIs, and half and half with slices where a BAD slice acts.

    The chances add up to `alpha` or less: `all_traffic` is the alpha of `judge`, `slices` that of
    `multiplicity.e_bh` over all slices. Where slices only inform, they take nothing: `slices` is the share of
    the SLI again, but then promises nothing about the release. ValueError unless 0 < alpha < 1 and slis >= 1.

    >>> levels(0.05, 2, slices_act=True)
    Levels(all_traffic=0.0125, slices=0.0125)
    """
    if not (0 < alpha < 1 and slis >= 1):
        raise ValueError(f"need 0 < alpha < 1 and slis >= 1, got {alpha!r}, {slis!r}")
    share = alpha / slis
    return Levels(all_traffic=share / 2, slices=share / 2) if slices_act else Levels(all_traffic=share, slices=share)


def judge(processes: EProcesses, alpha: Floats | float) -> list[Word]:
    """Return the word of each process (K,); `alpha` is one for all, or (K,)."""
    is_bad = processes.log_e_peak >= -np.log(alpha)
    _, upper = processes.bounds(alpha)
    is_ok = (upper <= processes.margin) & (_events_wanted(processes.counts, processes.margin) <= 0).all(axis=1)
    return ["BAD" if bad else "OK" if ok else "INSUFFICIENT" for bad, ok in zip(is_bad, is_ok, strict=True)]


def evidence(
    processes: EProcesses, index: int, alpha: float, sli: str, arms: tuple[str, str], pane_ms: int
) -> Evidence:
    """Return why process `index` is judged as it is; `arms` are the versions of candidate and baseline.

    `log_e` is the largest so far, and `p_value` its anytime-valid p. Counts are those of panes in which both arms had
    events: the others could not be compared.
    """
    which = np.array([index])
    lower, upper = processes.bounds(alpha, which)
    n_c, x_c, n_b, x_b = processes.counts[index].tolist()
    since = int(processes.since[index])
    log_e = float(processes.log_e_peak[index])
    return Evidence(
        sli=sli,
        candidate=Arm.of(arms[0], n_c - x_c, x_c),
        baseline=Arm.of(arms[1], n_b - x_b, x_b),
        value=x_c / n_c - x_b / n_b if n_c and n_b else None,
        lower=float(lower[0]),
        upper=float(upper[0]),
        confidence=1 - alpha,
        threshold=processes.tolerance,
        log_e=log_e,
        p_value=float(np.exp(-log_e)),
        detectable=_finite(detectable(processes, which, alpha)),
        decides_in=_finite(decides_in(processes, which, alpha)),
        since=None if since == NONE else since * pane_ms,
    )


def detectable(processes: EProcesses, which: Ints, alpha: float) -> Floats:
    """Return the smallest true difference that would have been seen by now, (W,), infinite where none would.

    That is one whose expected ln E over the events so far, with the baseline as it is observed, reaches ln(2 / alpha):
    1 / alpha, and the weight 1/2 of damage from the first block. A true one needs some more, because its ratios
    must be learned first, and half of the time more, as it is an expectation.
    """
    n_c, n_b, _, b = (column[:, None] for column in _observed(processes, which))
    d = processes.tolerance + ABOVE_TOLERANCE
    possible = (b + d > 0) & (b + d < 1)
    c = np.where(possible, b + d, 0.5)
    grown = block.growth(np.maximum(n_c, 1), np.maximum(n_b, 1), c, b, np.array(processes.tolerance))
    grown = np.where(possible & (n_c > 0), grown, 0.0)
    enough = grown >= np.log(2 / alpha)
    place = enough.argmax(axis=1)
    rows = np.arange(len(which))
    low, high = grown[rows, np.maximum(place - 1, 0)], grown[rows, place]
    share = np.where(place > 0, (np.log(2 / alpha) - low) / np.maximum(high - low, 1e-300), 1.0)
    between = d[np.maximum(place - 1, 0)] * (1 - share) + d[place] * share
    return np.where(enough.any(axis=1), between, np.inf)


def decides_in(processes: EProcesses, which: Ints, alpha: float) -> Floats:
    """Return how many further events of the candidate are expected to decide, (W,); infinite where none would.

    Takes the ratios and the shares of traffic to stay what they have been, and counts to the sooner of BAD and OK.
    """
    n_c, n_b, c, b = _observed(processes, which)
    needed = -np.log(alpha)
    worse = _events(n_c, n_b, c, b, processes.tolerance, needed - processes.log_e(which))
    not_worse = _events(n_c, n_b, c, b, processes.margin, needed - processes.log_e_not_worse(which))
    wanted = _events_wanted(processes.counts[which], processes.margin)
    wanted[:, 1] *= n_c / np.maximum(n_b, 1)
    not_worse = np.maximum(not_worse, wanted.max(axis=1))
    is_worse, is_below = c - b > processes.tolerance, c - b < processes.margin
    soonest = np.minimum(np.where(is_worse, worse, np.inf), np.where(is_below, not_worse, np.inf))
    return np.where(n_c > 0, soonest, np.inf)


def _observed(processes: EProcesses, which: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return n_c, n_b and the ratios of both, each (W,), the ratios off 0 and 1 as the alternatives are."""
    n_c, x_c, n_b, x_b = processes.counts[which].T.astype(float)
    return n_c, n_b, (x_c + 0.5) / (n_c + 1), (x_b + 0.5) / (n_b + 1)


def _events(n_c: Floats, n_b: Floats, c: Floats, b: Floats, d: float, needed: Floats) -> Floats:
    """Return how many events of the candidate grow ln E at d by `needed`, (W,); infinite where it does not grow."""
    grown = block.growth(np.maximum(n_c, 1), np.maximum(n_b, 1), c, b, np.array(d))
    events = np.full(len(needed), np.inf)
    np.divide(needed * n_c, grown, out=events, where=grown > 0)
    return np.where(needed > 0, events, 0.0)


def _events_wanted(counts: Ints, margin: float) -> Floats:
    """Return how many further events each arm needs before an OK, (K, 2), as it has been so far; <= 0 where none."""
    n, bad = counts[:, ::2].astype(float), counts[:, 1::2]
    ratio = (bad + 0.5) / (n + 1)
    wanted: Floats = np.minimum((BAD_MIN - bad) / ratio, EVENTS_TIMES_MARGIN_MIN / margin - n)
    return wanted


def _finite(values: Floats) -> float | None:
    return float(values[0]) if np.isfinite(values[0]) else None
