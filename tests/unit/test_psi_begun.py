"""A window of several hours in which something began is compared with the hours that it holds."""

import numpy as np
import pytest

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.profiles.build import build
from operators.profiles.profile import HOURS
from operators.profiles.seasons import MONDAY, by_hour
from tests.drifting import START_MS, H, Item, Run, event, judged_by, policy_of

MONITOR = """
[[monitor]]
name = "shift"
kind = "psi"
on = ["features.x"]
window = "6h"
slices = ["*", "region"]
"""
RATE = 60


def values(rng: np.random.Generator, hours: Ints) -> list[float]:
    """The second half of every six hours is three deviations higher."""
    return [float(value) for value in rng.normal(3.0 * (hours % 6 >= 3))]


def policy() -> Policy:
    hours = np.repeat(np.arange(HOURS), RATE)
    columns = {"features.x": values(np.random.default_rng(1), hours + MONDAY)}
    return policy_of(MONITOR, by_hour(build(columns), columns, {"features.x": hours}))


def events(begin: int, end: int, moved: float = 0.0, **more: str) -> list[Item]:
    """What comes in these hours since `START_MS`, which is at the beginning of a window."""
    hours = np.repeat(np.arange(begin, end), RATE)
    drawn = values(np.random.default_rng(begin), hours)
    return [
        event(START_MS + int(hour) * H + at % RATE * (H // RATE), features={"x": x + moved}, **more)
        for at, (hour, x) in enumerate(zip(hours.tolist(), drawn, strict=True))
    ]


@pytest.mark.parametrize("restart", [False, True])
def test_a_worker_that_begins_within_a_window_finds_nothing_where_nothing_is(restart: bool) -> None:
    run = Run(policy(), events(3, 12), restart=restart)
    assert [drift.n_current for drift in run.drifts if drift.series.text == "*"] == [3 * RATE, 6 * RATE]
    assert {drift.word for drift in run.drifts} == {"OK"}


@pytest.mark.parametrize("restart", [False, True])
def test_feedback_of_earlier_requests_begins_nothing(restart: bool) -> None:
    run = Run(policy(), events(3, 12), [judged_by(START_MS + 1, 5.0)], restart=restart)
    assert {drift.word for drift in run.drifts} == {"OK"}


def test_nor_does_a_version_or_a_slice() -> None:
    run = Run(policy(), events(0, 12) + events(9, 12, version="v2") + events(10, 12, region="us"))
    begun = [(drift.series[1], drift.series.text, drift.n_current) for drift in run.drifts]
    assert ("v2", "*", 3 * RATE) in begun
    assert ("v1", "region=us", 2 * RATE) in begun
    # All traffic of v1 has more of the high hours than the profile: that is so, and said.
    assert {drift.series[:3] for drift in run.bad} <= {("m", "v1", "*")}


def test_a_shift_in_such_a_window_is_found() -> None:
    run = Run(policy(), events(3, 6, moved=-3.0))
    assert {drift.word for drift in run.drifts} == {"BAD"}
