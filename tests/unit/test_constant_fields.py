"""A number that was always the same: any other one is a change that PSI and `lasting` see, as of a category."""

from collections.abc import Callable

import numpy as np
import pytest

from operators.profiles.build import build
from tests.drifting import START_MS, H, Run, a_monitor_of_each, event, policy_of

HOURS = 6
PROFILE = build({"features.c": [0.3] * 5_000, "features.x": np.random.default_rng(3).normal(size=5_000).tolist()})


def found(value: Callable[[], float]) -> set[str]:
    rng = np.random.default_rng(4)
    events = [
        event(START_MS + at * H // 200, features={"c": value(), "x": float(rng.normal())}) for at in range(HOURS * 200)
    ]
    run = Run(policy_of(a_monitor_of_each(), PROFILE), events)
    return {drift.monitor for drift in run.bad if drift.field == "features.c"}


@pytest.mark.parametrize("sign", [-1, 1])
def test_another_number_is_found(sign: int) -> None:
    """Before, PSI and `lasting` had one bin for all numbers, and never said anything."""
    assert {"psi", "lasting"} <= found(lambda: 0.3 + sign)


def test_what_is_rounded_otherwise_is_no_other_number() -> None:
    assert not {"psi", "lasting"} & found(lambda: 0.1 + 0.2)
    assert found(lambda: 0.3) == set()
