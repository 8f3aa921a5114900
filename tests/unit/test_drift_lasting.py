"""Small changes that stay are found within hours, and nothing that is no change."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from operators.drift.field_shares import shares_of
from operators.drift.found import words
from operators.profiles.build import build, category_field, number_field
from operators.profiles.by_slice import by_slice
from operators.stats.share_detector import DOWN, UP
from tests.bench.simulate_lasting import CASES, WEEK, alarms, by_psi, found_at, numbers
from tests.drifting import START_MS, H, Item, Run, event, policy_of

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
BOTH = """
[[monitor]]
name = "psi"
kind = "psi"
on = "*"

[[monitor]]
name = "lasting"
kind = "lasting"
on = "*"
slices = ["*", "region"]

[[rule]]
name = "drift"
kind = "drift"
monitors = ["lasting"]
slices = ["*", "region"]
"""


@pytest.mark.parametrize("name", CASES)
def test_it_is_found_within_12_hours_at_1000_an_hour(name: str) -> None:
    """The median over profiles of 20,000 rows; PSI at 0.2 never finds it, however many events there are."""
    rng = np.random.default_rng([8, len(name)])
    profiles = 40 if PROVE else 3
    at = np.array([found_at(rng, *CASES[name](rng), 1_000, 24, tests=100)[0] for _ in range(profiles)])
    assert np.median(at) <= 12
    assert not by_psi(*CASES[name](rng), 1_000_000)


@pytest.mark.parametrize(("n", "rows"), [(30, 1_000), (1_000, 1_000), (1_000, 20_000), (10_000, 20_000)])
def test_a_month_without_a_change(n: int, rows: int) -> None:
    """Each series has a profile of its own, which is an estimate too; each may alarm 0.1 times a week."""
    series = 100 if PROVE else 2
    found = alarms(np.random.default_rng([n, rows]), n, rows, series, 4 * WEEK if PROVE else 100)
    assert found <= (0.1 * 2 * series * 4 if PROVE else 1)


def test_what_is_tolerated_is_never_found() -> None:
    rng = np.random.default_rng(3)
    assert not np.isfinite(found_at(rng, *numbers(rng, 100_000, 0.07), 10_000, 2 * WEEK if PROVE else 100)).any()


def test_tolerances_are_in_plain_units() -> None:
    number = shares_of(number_field(np.arange(10.0**6) / 10.0**6), 0.1, 0.01)
    median = number.names.index("below 0.5")
    # One normal deviate beyond a shift by 0.1 of a normal: from 50 to 54 %, then on.
    assert np.exp(number.gains[median, UP, 0]) == pytest.approx(0.5793 / 0.5398, abs=2e-3)
    flag = shares_of(category_field(["no"] * 900_000 + ["yes"] * 100_000), 0.1, 0.01)
    assert flag.names == ("'no'", "'yes'", "missing", "unseen")
    assert np.exp(-flag.losses[1, DOWN, 0]) < 1 < np.exp(-flag.losses[1, UP, 0])
    assert flag.open[2].tolist() == [1, 0], "nothing can become rarer than never"


def turning(hours: range, size: int = 30) -> Iterator[Item]:
    """A prediction that is yes in 30 %, and in 55 % during some hours; every event of a region."""
    rng = np.random.default_rng(4)
    for hour in range(hours.stop + 30):
        share = 0.65 if hour in hours else 0.3
        for at in range(size):
            prediction = "yes" if rng.random() < share else "no"
            yield event(START_MS + hour * H + at * 120_000, prediction=prediction, region=("eu", "us")[at % 2])


def test_a_finding_has_its_share_since_when_and_ends() -> None:
    profile = build({"prediction": ["yes"] * 6_000 + ["no"] * 14_000})
    items = list(turning(range(8, 20)))
    run = Run(policy_of(BOTH, profile), items)
    mine = [drift for drift in run.drifts if drift.monitor == "lasting" and drift.series.text == "*"]
    assert [drift.word for drift in mine] == ["BAD", "OK"], "a row when it begins, and when it ends"
    begun, ended = mine
    assert 10 * H <= begun.end - START_MS <= 18 * H, "within hours, and not by one window"
    assert ended.end - START_MS > 20 * H
    assert "% 'yes', more than 30 %, since 2025-10-1" in begun.detail
    assert "PSI 0." in words(begun)
    heard = {each.word for monitored in run.monitored for each in monitored.heard if each.monitor == "lasting"}
    assert heard == {"OK", "BAD"}
    rule = [verdict.word for each in run.judged for verdict in each.verdicts if verdict.rule == "drift"]
    assert "BAD" in rule


def test_how_far_a_slice_moved_is_from_what_it_was_itself() -> None:
    """Of the region that went from half to four fifths, where the other has a tenth: of the whole PSI was above 1."""
    rng = np.random.default_rng(5)
    of = {"eu": 0.1, "us": 0.5}

    def said(region: str, share: float) -> str:
        return "yes" if rng.random() < share else "no"

    columns = {"prediction": [said(region, of[region]) for region in ("eu", "us") * 10_000]}
    profile = by_slice(build(columns), columns, {"prediction": [["region=eu", "region=us"] * 10_000]})
    moved = of | {"us": 0.8}
    items = [
        event(START_MS + hour * H + at * 60_000, prediction=said(region, moved[region]), region=region)
        for hour in range(6)
        for at in range(60)
        for region in [("eu", "us")[at % 2]]
    ]
    run = Run(policy_of(BOTH, profile), items)
    (found,) = (drift for drift in run.bad if drift.monitor == "lasting" and drift.series.text == "region=us")
    assert "% 'no', less than 49.4 %, since" in found.detail
    assert 0.2 < float(found.detail.partition("PSI ")[2]) < 0.7


def test_it_is_the_same_however_the_log_is_cut() -> None:
    profile = build({"prediction": ["yes"] * 6_000 + ["no"] * 14_000})
    items = list(turning(range(2, 8)))[: 10 * 30]
    whole = Run(policy_of(BOTH, profile), items).text()
    assert Run(policy_of(BOTH, profile), items, batch=53, restart=True).text() == whole
