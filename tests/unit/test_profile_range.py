"""The range that a profile of few numbers allows: numbers of the same kind are hardly ever outside of it."""

import numpy as np
import pytest
from scipy import stats

from operators.profiles.build import build, moments_of
from operators.profiles.by_slice import by_slice
from tests.drifting import START_MS, H, Run, event, policy_of

WEEK = 300 * 168  # Numbers.
PROFILES = 60


def outside(distribution: object, numbers: int) -> float:
    """How many numbers of a week are outside of the range, on average of some profiles."""
    rng, found = np.random.default_rng(numbers), []
    for _ in range(PROFILES):
        low, high = moments_of(np.sort(distribution.rvs(numbers, random_state=rng))).bounds  # type: ignore[attr-defined]
        found.append(WEEK * (distribution.sf(high) + distribution.cdf(low)))  # type: ignore[attr-defined]
    return float(np.mean(found))


@pytest.mark.parametrize("numbers", [120, 500, 3_000])
@pytest.mark.parametrize(
    "distribution", [stats.norm(), stats.uniform(), stats.expon(), stats.gamma(2), stats.lognorm(0.5), stats.t(5)]
)
def test_numbers_like_those_of_a_small_profile_are_in_range(distribution: object, numbers: int) -> None:
    """Before, 2 to 15 of a week were outside with 120, and 0.1 to 1 with 500."""
    assert outside(distribution, numbers) < 0.3


def test_what_has_bounds_keeps_them_close() -> None:
    for numbers in (60, 500, 20_000):
        low, high = moments_of(np.linspace(0, 1, numbers)).bounds
        assert (low, high) == pytest.approx((-1, 2), abs=0.01)
    normal = moments_of(np.sort(np.random.default_rng(3).normal(size=20_000)))
    assert normal.bounds == pytest.approx((2 * normal.low - normal.high, 2 * normal.high - normal.low))


def test_a_small_slice_has_the_range_of_all() -> None:
    """Its mean is its own; how far numbers reach is known of all of them."""
    rng = np.random.default_rng(4)
    columns = {"features.x": [*rng.normal(size=20_000).tolist(), *rng.normal(6, size=100).tolist()]}
    texts = [["region=eu"] * 20_000 + ["region=us"] * 100]
    profile = by_slice(build(columns), columns, dict.fromkeys(columns, texts))
    values = [*rng.normal(6, size=60).tolist(), 30.0]
    events = [event(START_MS + at * H // 61, region="us", features={"x": value}) for at, value in enumerate(values)]
    monitor = '[[monitor]]\nname = "c"\nkind = "contract"\nwindow = "1h"\nslices = ["region"]\n'
    assert [drift.method for drift in Run(policy_of(monitor, profile), events).bad] == ["range"]
