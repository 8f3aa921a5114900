"""A contract on a number that was always the same: how many of its rows it takes until others are no chance."""

import numpy as np
import pytest

from operators.drift.contract import findings
from operators.drift.contract_breach import Expectation
from operators.drift.summary import summary_of
from operators.profiles.build import build, number_field
from operators.profiles.profile import Field
from tests.drifting import START_MS, H, Run, event, policy_of


def found(reference: Field, values: list[float], **limits: float) -> list[str]:
    expectation = Expectation(reference=reference, **limits)  # type: ignore[arg-type]
    return [each.kind for each in findings("features.x", expectation, summary_of(reference, values))]


def always(value: float, rows: int) -> Field:
    return number_field(np.full(rows, value))


@pytest.mark.parametrize("rows", [60, 300, 3_000])
def test_a_rare_flag_that_few_rows_did_not_have_breaks_nothing(rows: int) -> None:
    """Before, one of them in a window broke the range: of 60 rows, each flag of 0.5 % half of the hours."""
    rng = np.random.default_rng(rows)
    for _ in range(500):
        flags = (rng.random(300) < 1 / (2 * rows)).astype(float)
        assert found(always(0.0, rows), flags.tolist()) == []


def test_what_many_rows_never_had_is_out_of_range() -> None:
    some = [1.0] * 3 + [0.0] * 297
    assert "range" in found(always(0.0, 100_000), some)
    assert found(always(0.0, 60), some) == []
    assert {"range", "mean"} <= {*found(always(0.0, 60), [1.0] * 150 + [0.0] * 150)}
    assert "range" in found(always(7.0, 60), [8.0] * 300)


def test_a_limit_that_a_person_wrote_stays_exact() -> None:
    some = [1.0, *[0.0] * 299]
    assert found(always(0.0, 60), some, high=0.5) == ["range"]
    assert found(always(0.0, 60), some, low=-1.0) == []


def test_what_is_rounded_otherwise_is_the_same_number() -> None:
    assert found(always(0.3, 100_000), [0.1 + 0.2] * 300) == []
    assert "range" in found(always(0.3, 100_000), [0.301] * 300)


def test_a_monitor_counts_what_all_rows_of_the_profile_say() -> None:
    profile = build({"features.x": [0.0] * 60})
    events = [event(START_MS + at * H // 301, features={"x": float(at == 200)}) for at in range(300)]
    monitor = '[[monitor]]\nname = "c"\nkind = "contract"\nwindow = "1h"\n'
    assert Run(policy_of(monitor, profile), events).bad == []
    by_hand = Run(policy_of(f'{monitor}on = "features.x"\nhigh = 0\n', profile), events).bad
    assert [drift.method for drift in by_hand] == ["range"]
