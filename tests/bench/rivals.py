"""Other tests of "is the candidate worse", run on the same streams: as their sources have them, on all counts so far.

Each takes counts n_c, x_c, n_b, x_b (runs, 4) since the start, and returns which runs it calls worse at level alpha.
All but the last may be looked at after every pane.
"""

import numpy as np
from scipy import special

from operators.arrays import Floats, Ints
from operators.stats.multiple_testing import Bools

CONCENTRATION = 100.0  # Of the Dirichlet prior around the declared shares.
TUNED_AT = 5_000  # Events for which GrowthBook's interval is the narrowest: its default.


def multinomial(counts: Ints, alpha: float, share: float) -> Bools:
    """Netflix: bad events fall to the arms as the traffic does; a Dirichlet mixture against that.

    Source: M. Lindon, A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022. The declared share
    of traffic is taken to be the true one.
    """
    x_c, x_b = counts[:, 1], counts[:, 3]
    a, b = CONCENTRATION * share, CONCENTRATION * (1 - share)
    mixture = special.betaln(a + x_c, b + x_b) - special.betaln(a, b)
    null = x_c * np.log(share) + x_b * np.log(1 - share)
    return np.asarray((mixture - null >= -np.log(alpha)) & (x_c > share * (x_c + x_b)))


def mixture_sprt(counts: Ints, alpha: float, base: float) -> Bools:
    """mSPRT: a normal mixture of differences, its deviation tuned to the base rate, around none.

    Source: R. Johari, P. Koomen, L. Pekelis, D. Walsh, "Always valid inference", Operations Research 70 (2022).
    """
    difference, variance = _difference(counts)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        spread = variance + base**2
        log_ratio = 0.5 * np.log(variance / spread) + difference**2 * base**2 / (2 * variance * spread)
    return np.asarray((log_ratio >= -np.log(alpha)) & (difference > 0) & (variance > 0))


def growthbook(counts: Ints, alpha: float) -> Bools:
    """GrowthBook's sequential option: an asymptotic confidence sequence of the difference.

    Source: I. Waudby-Smith et al., "Time-uniform central limit theory and asymptotic confidence sequences" (2021),
    arXiv 2103.06476, as in GrowthBook's documentation of its statistics.
    """
    difference, variance = _difference(counts)
    n = np.maximum(counts[:, 0] + counts[:, 2], 1)
    rho_2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / TUNED_AT
    with np.errstate(invalid="ignore"):
        width = np.sqrt(variance * n * 2 * (n * rho_2 + 1) / (n**2 * rho_2) * np.log(np.sqrt(n * rho_2 + 1) / alpha))
    return np.asarray((difference > width) & (variance > 0))


def fixed(counts: Ints, alpha: float) -> Bools:
    """A one-sided z-test of two ratios at its nominal level, as it is done at a few fixed times."""
    n_c, x_c, n_b, x_b = counts.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (x_c + x_b) / (n_c + n_b)
        z = (x_c / n_c - x_b / n_b) / np.sqrt(pooled * (1 - pooled) * (1 / n_c + 1 / n_b))
    return np.asarray(special.ndtr(-z) <= alpha)


def _difference(counts: Ints) -> tuple[Floats, Floats]:
    """Return the difference of the ratios and its variance, (runs,) each; NaN while an arm is empty."""
    n_c, x_c, n_b, x_b = counts.T.astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        c, b = x_c / n_c, x_b / n_b
        return c - b, c * (1 - c) / n_c + b * (1 - b) / n_b
