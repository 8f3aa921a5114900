"""What one (SLI, slice) of a release says of the candidate: BAD, OK or INSUFFICIENT, and why.

BAD: the E-value of "the odds of a bad event are more than `tolerance` times the baseline's" has ever reached 1 / alpha;
it stays BAD. OK: the odds ratio was shown to be below `margin`, without a relapse since, or the difference of ratios to
be below `margin_points`. Else INSUFFICIENT. Each of the two words is ever wrong with chance <= alpha, however often it
is looked at, while the odds ratio does not move; for what they promise while it moves see `EProcesses.bounds`.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.kept_estimates import KeptEstimates
from operators.stats.e_process import NONE
from operators.stats.multiple_testing import Bools
from operators.wire.control import Arm, Evidence, Word

ROOM = 2.0  # The baseline's ratio of good events must be at least this many margins in points.


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """The alphas of one SLI: for all traffic, and for all of its slices together."""

    all_traffic: float
    slices: float


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Which difference counts as worse, and which as not worse: ratios of odds, and differences of bad ratios.

    BAD needs both tolerances to be passed; OK needs one of the margins to be kept.
    """

    tolerance: float
    tolerance_points: float
    margin: float
    margin_points: float


def levels(alpha: float, slis: int, slices_act: bool) -> Levels:
    """Share the alpha of a release equally between its SLIs, and half of it with slices where a BAD slice acts.

    The chances add up to `alpha` or less: `all_traffic` is the alpha of `words_of`, `slices` that of
    `multiple_testing.e_bh` over all slices. Where slices only inform, they take nothing: `slices` is the share of
    the SLI again, but then promises nothing about the release. ValueError unless 0 < alpha < 1 and slis >= 1.

    >>> levels(0.05, 2, slices_act=True)
    Levels(all_traffic=0.0125, slices=0.0125)
    """
    if not (0 < alpha < 1 and slis >= 1):
        raise ValueError(f"need 0 < alpha < 1 and slis >= 1, got {alpha!r}, {slis!r}")
    share = alpha / slis
    return Levels(all_traffic=share / 2, slices=share / 2) if slices_act else Levels(all_traffic=share, slices=share)


def words_of(kept: KeptEstimates, which: Ints, alpha: Floats | float, terms: Terms) -> list[Word]:
    """Return the word of each process of `which` (W,), each of which is wrong with chance `alpha` at most."""
    is_bad = kept.processes.log_e_peak[which] >= -np.log(alpha)
    if terms.tolerance_points > 0:
        is_bad &= kept.points(which, alpha)[0] > terms.tolerance_points
    is_ok = not_worse(kept, which, alpha, terms)
    return ["BAD" if bad else "OK" if ok else "INSUFFICIENT" for bad, ok in zip(is_bad, is_ok, strict=True)]


def not_worse(kept: KeptEstimates, which: Ints, alpha: Floats | float, terms: Terms) -> Bools:
    """Return which processes of `which` (W,) surely keep a margin.

    A margin in points means something only where there is room for as much harm: where nearly everything counted is
    bad, as where people send nothing but complaints, no candidate is worse by many points. So the baseline's ratio of
    good events must be at least `ROOM` margins: where most events are bad, a candidate that passes has never more than
    three times the baseline's odds.
    """
    processes = kept.processes
    _, upper = kept.odds(which, alpha)
    is_ok = upper <= terms.margin
    if terms.margin_points > 0:
        # The cap allows no word in fewer blocks than this.
        long_enough = np.maximum(processes.blocks[which], 1) * processes.log_cap >= -np.log(alpha)
        room = 1.0 - processes.ratios(which)[1] >= ROOM * terms.margin_points
        may_be = np.flatnonzero(long_enough & room & ~is_ok)
        alphas = np.broadcast_to(alpha, which.shape)[may_be]
        is_ok[may_be] = kept.points(which[may_be], alphas)[1] <= terms.margin_points
    return is_ok


def evidence(
    kept: KeptEstimates, index: int, alpha: float, sli: str | None, arms: tuple[str, str], pane_ms: int
) -> Evidence:
    """Return why process `index` is judged as it is; `arms` are the versions of candidate and baseline.

    `log_e` is the largest so far, and `p_value` its anytime-valid p. `value` is the difference at the same mix of
    strata, `raw` that of all events as they came. Counts are those of strata and blocks in which both arms had events:
    others could not be compared.
    """
    return evidence_each(kept, [index], np.array([alpha]), [(sli, arms)], pane_ms)[0]


def evidence_each(
    kept: KeptEstimates,
    indices: Sequence[int],
    alphas: Floats,
    about: Sequence[tuple[str | None, tuple[str, str]]],
    pane_ms: int,
) -> list[Evidence]:
    """Return `evidence` of each of some processes, with its own alpha, SLI and arms."""
    which, processes = np.array(indices, np.int64), kept.processes
    candidate, baseline = processes.ratios(which)
    bounds = (*kept.points(which, alphas), *kept.odds(which, alphas), *kept.prospects(which, alphas))
    of_all = (*bounds, candidate - baseline, processes.ratio(which), processes.log_e_peak[which], alphas)
    counts, since = processes.counts[which].tolist(), processes.since[which].tolist()
    found = []
    for place, (sli, arms) in enumerate(about):
        n_c, x_c, n_b, x_b = counts[place]
        lower, upper, low, high, detectable, decides_in, value, ratio, log_e, alpha = (
            float(each[place]) for each in of_all
        )
        found.append(
            Evidence(
                sli=sli,
                candidate=Arm.of(arms[0], n_c - x_c, x_c),
                baseline=Arm.of(arms[1], n_b - x_b, x_b),
                value=value if n_c > 0 else None,
                raw=x_c / n_c - x_b / n_b if n_c > 0 else None,
                lower=lower,
                upper=upper,
                odds_ratio=ratio if n_c > 0 else None,
                odds_lower=low,
                odds_upper=_finite(high),
                confidence=1 - alpha,
                threshold=processes.tolerance,
                log_e=log_e,
                p_value=float(np.exp(-log_e)),
                detectable=_finite(detectable),
                decides_in=_finite(decides_in),
                since=None if since[place] == NONE else since[place] * pane_ms,
            )
        )
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
