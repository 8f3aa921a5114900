"""Contract checks of the numbers of a feature: mean, standard deviation, and a change of scale."""

import math
from collections.abc import Iterator

from operators.drift.contract_breach import ContractBreach, Expectation
from operators.drift.summary import Summary
from operators.profiles.profile import Moments, rounding

SAMPLES_MIN = 100  # Numbers; with fewer, the tails of means and deviations are not near enough to normal.
MEAN_SHIFT_MIN = 0.5  # Standard deviations of the reference; PSI of a normal shifted by this is 0.25.
SD_FACTOR_MIN = 1.5
SCALE_TOLERANCE = 0.15  # Of a power of ten: between 7.1 and 14.1 times is ten times.
FACTOR_MAX = 700.0  # Of a logarithm: its exponential is near the largest float.


def moment_findings(feature: str, expectation: Expectation, summary: Summary) -> Iterator[ContractBreach]:
    """Return the findings on mean, deviation and scale of one feature."""
    reference = expectation.reference.moments
    if reference is None or summary.n_worth < SAMPLES_MIN:
        return
    before = reference.n / expectation.reference.design_effect
    factor = _sd_limit(reference, before, summary, expectation.sigmas)
    spread = _spread(reference, summary, factor)
    power = _scale(reference, summary)
    if power * spread > 0:
        yield ContractBreach(feature=feature, kind="scale", observed=10.0**power, expected=1.0, limit=1.0)
    limit = _mean_limit(reference, before, summary, expectation.sigmas)
    if min(abs(mean - reference.mean) for mean in (summary.mean, _without_extreme(summary)[0])) > limit:
        limit = reference.mean + math.copysign(limit, summary.mean - reference.mean)
        yield ContractBreach(feature=feature, kind="mean", observed=summary.mean, expected=reference.mean, limit=limit)
    if spread:
        limit = reference.sd * math.exp(spread * factor)
        yield ContractBreach(feature=feature, kind="deviation", observed=summary.sd, expected=reference.sd, limit=limit)


def _spread(reference: Moments, summary: Summary, factor: float) -> int:
    """Return 1 where the deviation is more than e^factor times the reference's, -1 where the reverse holds, else 0."""
    if not (reference.sd > 0 and summary.sd > 0):
        return 0
    # The deviation of numbers that are a few steps of floats apart is rounding.
    steps = _rounding(reference, summary)
    before = max(reference.sd, steps)
    if math.log(before) - math.log(max(summary.sd, steps)) > factor:
        return -1
    return int(_without_extreme(summary)[1] > before * math.exp(factor))


def _mean_limit(reference: Moments, before: float, summary: Summary, sigmas: float) -> float:
    """How far off the mean may be, in the unit of the feature; the reference's is worth `before` numbers.

    Means of skewed values stray further to one side: Cornish and Fisher (1937), first term.
    """
    n, m = summary.n_worth, before
    spread: float = 1 / n + 1 / m
    skewness: float = reference.skewness * (1 / n**2 - 1 / m**2) / spread**1.5
    towards = skewness if summary.mean > reference.mean else -skewness
    errors = sigmas + max((sigmas**2 - 1) / 6 * towards, 0.0)
    return max(MEAN_SHIFT_MIN * reference.sd, errors * reference.sd * math.sqrt(spread), _rounding(reference, summary))


def _rounding(reference: Moments, summary: Summary) -> float:
    """How far off a mean may be through rounding."""
    return rounding(max(abs(reference.mean), abs(summary.mean)))


def _sd_limit(reference: Moments, before: float, summary: Summary, sigmas: float) -> float:
    """How far off the logarithm of the deviation may be; its variance is (kurtosis - 1) / 4n (delta method)."""
    # Two values, half of each, have a kurtosis of 1, or through rounding a little less.
    variance = max(reference.kurtosis - 1, 0.0) / 4 * (1 / summary.n_worth + 1 / before)
    return min(max(math.log(SD_FACTOR_MIN), sigmas * math.sqrt(variance)), FACTOR_MAX)


def _without_extreme(summary: Summary) -> tuple[float, float]:
    """Return mean and deviation without the value furthest off, counted as often as a user repeats it.

    One value alone, or one user with several, is not a change of either.
    """
    if not summary.sd > 0:
        return summary.mean, summary.sd
    n, alike = summary.n, math.ceil(summary.design)
    low, mean, high = (number / summary.sd for number in (summary.low, summary.mean, summary.high))
    off = high - mean if high - mean > mean - low else low - mean
    squares = (n - 1) - alike * off * off * n / (n - alike)
    sd = math.sqrt(max(squares, 0.0) / max(n - alike - 1, 1)) * summary.sd
    return summary.mean - alike * off / (n - alike) * summary.sd, sd


def _scale(reference: Moments, summary: Summary) -> int:
    """Return the power of ten by which both deviation and mean have changed, 0 if they have not."""
    if not (reference.sd > 0 and summary.sd > 0):
        return 0
    ratios = [summary.sd / reference.sd]
    if abs(reference.mean) > reference.sd / 2:  # A mean near zero says nothing about scale.
        ratios.append(summary.mean / reference.mean)
    powers = {_power(ratio) for ratio in ratios}
    return powers.pop() if len(powers) == 1 else 0


def _power(ratio: float) -> int:
    if not 0 < ratio < math.inf:
        return 0
    power = round(math.log10(ratio))
    return power if abs(math.log10(ratio) - power) < SCALE_TOLERANCE else 0
