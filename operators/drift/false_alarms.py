"""How many false alarms a week a set of monitors costs, so that `check` can say it before anybody is woken.

These are expectations while nothing changes. They add up over monitors.
"""

import math

import numpy as np

from operators.drift.detectors.adwin import DELTA
from operators.drift.detectors.page_hinkley import ALLOWANCE, THRESHOLD
from operators.drift.detectors.standard import LEARNED_FROM
from operators.spans import WEEK_MS
from operators.stats.distributions import normal_tail

# Measured with the default delta on independent normal values: 1 alarm in 3.6 million with a scale learned from 60
# values, none in a million with a known one. The guarantee itself, delta a value, is far from sharp.
ADWIN_SHARE_OF_DELTA = 1 / 32
OVERSHOOT = 1.166  # Siegmund's correction for looking at whole values only.


def windows_a_week(every_ms: int) -> float:
    return WEEK_MS / every_ms


def of_shifts(alpha: float, every_ms: int, families: int = 1) -> float:
    """Return how many features and slices Benjamini-Hochberg at `alpha` names wrongly a week.

    A family is all that is judged together (one model, one window). For any number of independent members P(any) is
    alpha, and alpha / (1 - alpha)^2 are named, the expectation of the limit process (Borel-Tanner).

    >>> round(of_shifts(0.001, 3_600_000), 3)
    0.168
    """
    return alpha / (1 - alpha) ** 2 * families * windows_a_week(every_ms)


def of_sigma(sigmas: float, every_ms: int, series: int = 1) -> float:
    """Return how often means fall `sigmas` standard errors by chance; also for one one-sided check of a contract.

    >>> round(of_sigma(2, 3_600_000), 1), round(of_sigma(3, 3_600_000), 2)
    (3.8, 0.23)
    """
    return float(normal_tail(sigmas)) * series * windows_a_week(every_ms)


def of_page_hinkley(
    pane_ms: int,
    series: int = 1,
    allowance: float = ALLOWANCE,
    threshold: float = THRESHOLD,
    learned_from: int = LEARNED_FROM,
) -> float:
    """Return the alarms of Page-Hinkley, both sides, on independent standard normal pane means.

    D. Siegmund (1985), "Sequential Analysis", corrected diffusion: the mean run length of one side is
    (exp(2 k b) - 2 k b - 1) / (2 k^2), k the allowance, b = threshold + 1.166. Correlated means alarm more often,
    unless the scale allows for it (`standard`). A deviation learned from few values is now and then too small;
    the mean is over its distribution, normal with variance 1 / (2 `learned_from`). Measured:
    46 alarms of 3,000 series in 60 million values, 0.046 a week, where 0.083 are expected.

    >>> round(of_page_hinkley(10_000), 3), round(of_page_hinkley(10_000, learned_from=10_000), 4)
    (0.083, 0.0059)
    """
    off = np.linspace(-5, 5, 1_001)
    sd = np.maximum(1 + off / math.sqrt(2 * learned_from), 0.1)
    exponent = np.minimum(2 * allowance * sd * (threshold * sd + OVERSHOOT), 700)  # Beyond, exp would overflow.
    run_length = (np.exp(exponent) - exponent - 1) / (2 * (allowance * sd) ** 2)
    rate = np.average(2 / run_length, weights=np.exp(-(off**2) / 2))
    return float(rate) * series * windows_a_week(pane_ms)


def of_adwin(pane_ms: int, series: int = 1, delta: float = DELTA) -> float:
    """Return the largest number of ADWIN's alarms, as measured.

    >>> round(of_adwin(10_000), 3)
    0.118
    """
    return delta * ADWIN_SHARE_OF_DELTA * series * windows_a_week(pane_ms)


def of_contract(sigmas: float, every_ms: int, features: int, slices: int = 1) -> float:
    """Return the findings of a contract without limits by hand: five tails for each feature.

    Mean and deviation have two each, shares one.

    >>> round(of_contract(5.0, 3_600_000, features=200, slices=50), 2)
    2.41
    """
    return 5 * of_sigma(sigmas, every_ms, features * slices)
