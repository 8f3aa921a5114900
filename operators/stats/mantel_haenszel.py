"""One odds ratio, and a bad ratio for each of two versions, from strata whose own rates differ.

Each stratum has n_c events of the candidate, x_c of them bad, and n_b, x_b of the baseline. What is kept are sums over
strata, of any number of blocks.

Sources: N. Mantel, W. Haenszel, "Statistical aspects of the analysis of data from retrospective studies of disease", J.
Nat. Cancer Inst. 22 (1959), 719-748; S. Greenland, J. M. Robins, "Estimation of a common effect parameter from sparse
follow-up data", Biometrics 41 (1985), 55-68.
"""

import numpy as np

from operators.arrays import Floats, Ints

PRIOR = 0.5  # Added to each arm's weighted bad events: without data the odds ratio is 1.


def mantel_haenszel(counts: Ints) -> Floats:
    """Return the weighted bad events of candidate and baseline, (S, 2); their ratio estimates psi."""
    n_c, x_c, n_b, x_b = counts.T.astype(float)
    weighted: Floats = np.column_stack((x_c * (n_b - x_b), x_b * (n_c - x_c))) / (n_c + n_b)[:, None]
    return weighted


def adjusted(counts: Ints) -> Floats:
    """Return the bad events of candidate and baseline and their number, weighted by n_c n_b / (n_c + n_b), (S, 3)."""
    n_c, x_c, n_b, x_b = counts.T.astype(float)
    weighted: Floats = np.column_stack((x_c * n_b, x_b * n_c, n_c * n_b)) / (n_c + n_b)[:, None]
    return weighted


def odds_ratio(sums: Floats) -> Floats:
    """Return the odds ratio from sums (..., 2) of `mantel_haenszel`, (...); 1 without data."""
    known = sums + PRIOR
    ratios: Floats = known[..., 0] / known[..., 1]
    return ratios


def adjusted_ratios(sums: Floats) -> tuple[Floats, Floats]:
    """Return the bad ratios of candidate and baseline from sums (K, 3) of `adjusted`, (K,) each, kept off 0."""
    bad_c, bad_b, n = sums.T
    return (bad_c + PRIOR) / (n + 2 * PRIOR), (bad_b + PRIOR) / (n + 2 * PRIOR)
