"""What one (SLI, slice) of a release says of the candidate: BAD, OK or INSUFFICIENT, and why.

BAD: the E-value of "the odds of a bad event are more than `tolerance` times the baseline's" has ever reached 1 / alpha;
it stays BAD. OK: the odds ratio was shown to be below `margin`, without a relapse since, or the difference of ratios to
be below `margin_points`. Else INSUFFICIENT. Each of the two words is ever wrong with chance <= alpha, however often one
looks, while the odds ratio does not move; what they promise while it moves is said at `EProcesses.bounds`.
"""

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.stats import ratio_bound
from operators.stats.e_process import NONE, EProcesses
from operators.stats.hypergeometric import growth
from operators.stats.multiple_testing import Bools
from operators.wire.control import Arm, Evidence, Word

# Where `detectable` looks; between two of them, 5 % apart, it draws a line.
TIMES = np.geomspace(1.02, 1_000.0, 200)
ROOM = 2.0  # Margins in points that the baseline's ratio of good events has to be.


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """What one SLI may be wrong with: about all traffic, and about all of its slices together."""

    all_traffic: float
    slices: float


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse is worse, and what is not worse: ratios of odds, and differences of ratios of bad events.

    BAD needs both tolerances to be passed; OK needs one of the margins to be kept.
    """

    tolerance: float
    tolerance_points: float
    margin: float
    margin_points: float


def levels(alpha: float, slis: int, slices_act: bool) -> Levels:
    """Share the promise of a release between its SLIs, and half and half with slices where a BAD slice acts.

    The chances add up to `alpha` or less: `all_traffic` is the alpha of `judge`, `slices` that of
    `multiple_testing.e_bh` over all slices. Where slices only inform, they take nothing: `slices` is the share of
    the SLI again, but then promises nothing about the release. ValueError unless 0 < alpha < 1 and slis >= 1.

    >>> levels(0.05, 2, slices_act=True)
    Levels(all_traffic=0.0125, slices=0.0125)
    """
    if not (0 < alpha < 1 and slis >= 1):
        raise ValueError(f"need 0 < alpha < 1 and slis >= 1, got {alpha!r}, {slis!r}")
    share = alpha / slis
    return Levels(all_traffic=share / 2, slices=share / 2) if slices_act else Levels(all_traffic=share, slices=share)


def judge(processes: EProcesses, which: Ints, alpha: Floats | float, terms: Terms) -> list[Word]:
    """Return the word of each process of `which` (W,), each of which may be wrong with `alpha`."""
    is_bad = processes.log_e_peak[which] >= -np.log(alpha)
    if terms.tolerance_points > 0:
        is_bad &= points(processes, which, alpha)[0] > terms.tolerance_points
    is_ok = not_worse(processes, which, alpha, terms)
    return ["BAD" if bad else "OK" if ok else "INSUFFICIENT" for bad, ok in zip(is_bad, is_ok, strict=True)]


def not_worse(processes: EProcesses, which: Ints, alpha: Floats | float, terms: Terms) -> Bools:
    """Return which processes of `which` (W,) keep a margin, surely.

    A margin in points says something only where there is room for harm as large: where nearly all that is counted is
    bad, as where people send complaints and nothing else, no candidate is worse by many points. So the baseline's ratio
    of good events must be `ROOM` margins at least: what passes then has never more than three times the baseline's odds
    where most of them are bad.
    """
    _, upper = processes.bounds(alpha, which)
    kept = upper <= terms.margin
    if terms.margin_points > 0:
        # No word comes in fewer blocks than the cap leaves.
        long_enough = np.maximum(processes.blocks[which], 1) * processes.log_cap >= -np.log(alpha)
        room = 1.0 - processes.ratios(which)[1] >= ROOM * terms.margin_points
        kept |= long_enough & room & (points(processes, which, alpha)[1] <= terms.margin_points)
    return kept


def points(processes: EProcesses, which: Ints, alpha: Floats | float) -> tuple[Floats, Floats]:
    """Return bounds of the difference of the ratios of bad events, candidate less baseline, (W,) each.

    Those of the odds ratio, read at the baseline's ratio as it was observed; or, where they are closer, those of each
    arm's own ratio, which say something before anything bad has come.
    """
    lower, upper = processes.bounds(alpha, which)
    _, b = processes.ratios(which)
    n_c, x_c, n_b, x_b = processes.counts[which].T
    most = ratio_bound.upper(x_c, n_c, alpha / 2) - ratio_bound.lower(x_b, n_b, alpha / 2)
    finite = np.where(np.isfinite(upper), upper, 1e12)
    return shifted(b, lower) - b, np.minimum(np.minimum(shifted(b, finite) - b, 1.0 - b), most)


def shifted(ratio: Floats, times: Floats) -> Floats:
    """Return the ratio whose odds are so many times those of another."""
    odds = times * ratio / (1.0 - ratio)
    return odds / (1.0 + odds)


def evidence(
    processes: EProcesses, index: int, alpha: float, sli: str | None, arms: tuple[str, str], pane_ms: int
) -> Evidence:
    """Return why process `index` is judged as it is; `arms` are the versions of candidate and baseline.

    `log_e` is the largest so far, and `p_value` its anytime-valid p. `value` is the difference at the same mix of
    strata, `raw` that of all events as they came. Counts are those of strata and blocks in which both arms had events:
    the others could not be compared.
    """
    which = np.array([index])
    low, high = processes.bounds(alpha, which)
    lower, upper = points(processes, which, alpha)
    c, b = processes.ratios(which)
    n_c, x_c, n_b, x_b = processes.counts[index].tolist()
    since = int(processes.since[index])
    log_e = float(processes.log_e_peak[index])
    seen = n_c > 0
    return Evidence(
        sli=sli,
        candidate=Arm.of(arms[0], n_c - x_c, x_c),
        baseline=Arm.of(arms[1], n_b - x_b, x_b),
        value=float(c[0] - b[0]) if seen else None,
        raw=x_c / n_c - x_b / n_b if seen else None,
        lower=float(lower[0]),
        upper=float(upper[0]),
        odds_ratio=float(processes.ratio(which)[0]) if seen else None,
        odds_lower=float(low[0]),
        odds_upper=_finite(high),
        confidence=1 - alpha,
        threshold=processes.tolerance,
        log_e=log_e,
        p_value=float(np.exp(-log_e)),
        detectable=_finite(detectable(processes, which, alpha)),
        decides_in=_finite(decides_in(processes, which, alpha)),
        since=None if since == NONE else since * pane_ms,
    )


def detectable(processes: EProcesses, which: Ints, alpha: Floats | float) -> Floats:
    """Return the smallest true difference of ratios that would have been seen by now, (W,), infinite where none would.

    That is one whose expected ln E over the events so far, with the baseline as it is observed, reaches ln(2 / alpha):
    1 / alpha, and the weight 1/2 of harm from the first block. A true one needs some more, because its size must be
    learned first, and half of the time more, as it is an expectation.
    """
    n_c, n_b, _, b = (column[:, None] for column in _observed(processes, which))
    psi = processes.tolerance * TIMES
    bad = n_c * shifted(b, psi) + n_b * b
    grown = growth(np.maximum(n_c, 1), np.maximum(n_b, 1), bad, psi, np.full_like(psi, processes.tolerance))
    needed = np.log(2 / np.broadcast_to(alpha, which.shape))[:, None]
    blocks = np.maximum(processes.blocks[which], 1)
    most = blocks[:, None] * processes.most(np.log(psi), np.log(processes.tolerance))
    enough = np.minimum(np.where(n_c > 0, grown, 0.0), most) >= needed
    place = enough.argmax(axis=1)
    found = psi[place]
    return np.where(enough.any(axis=1), shifted(b[:, 0], found) - b[:, 0], np.inf)


def decides_in(processes: EProcesses, which: Ints, alpha: Floats | float) -> Floats:
    """Return how many further events of the candidate are expected to decide, (W,); infinite where none would.

    Takes the odds ratio and the shares of traffic to stay what they have been, and counts to the sooner of BAD and of
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
    """Return how many events of the candidate grow ln E against a null by `needed`, (W,); infinite where it does not.

    No block grows it by more than it may.
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


def _finite(values: Floats) -> float | None:
    return float(values[0]) if np.isfinite(values[0]) else None
