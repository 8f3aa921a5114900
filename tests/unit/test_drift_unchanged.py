"""A finding that says the same again has no row of its own, and is not lost: a day of many slices is few rows."""

from collections import Counter
from typing import Any

import pytest

from operators.drift.results import Drift
from operators.drift.unchanged import Unchanged
from operators.window.series_index import SliceSeries
from operators.wire.control import Word
from tests.drifting import START_MS, H, Item, Run, event, policy_of
from tests.saving import again

MONITOR = """
[[monitor]]
name = "shift"
kind = "psi"
on = ["features.card", "features.amount"]
slices = ["*", "region"]
"""
PROFILE: dict[str, list[Any]] = {
    "features.card": ["visa", "visa", "amex"] * 400,
    "features.amount": [at / 1_200 for at in range(1_200)],
}
DAY = 24


def told(word: Word, hour: int = 0, *, field: str = "f", region: str = "eu") -> Drift:
    dims = {"region": region} if region else {}
    text = f"region={region}" if region else "*"
    return Drift(
        monitor="shift",
        series=SliceSeries("m", "v", text, dims),
        field=field,
        start=hour * H,
        end=(hour + 1) * H,
        axis="input",
        kind="covariate",
        method="psi",
        word=word,
        score=0.1,
        threshold=0.2,
    )


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        ("OK OK OK", [0]),
        ("OK BAD BAD OK OK", [0, 1, 2, 3]),
        ("INSUFFICIENT INSUFFICIENT OK OK INSUFFICIENT", [0, 2, 4]),
        ("BAD INSUFFICIENT INSUFFICIENT OK", [0, 1, 3]),
        ("BAD OK BAD OK OK", [0, 1, 2, 3]),
    ],
)
def test_a_row_is_stored_of_what_is_bad_and_of_what_changed(words: str, stored: list[int]) -> None:
    for region, rows in (("eu", stored), ("", list(range(len(words.split()))))):
        unchanged, kept = Unchanged(), []
        for hour, word in enumerate(words.split()):
            drift = told(word, hour, region=region)  # type: ignore[arg-type]
            own, (window,) = unchanged.split([drift])
            assert window.found == (drift,)
            assert [*own, *window.unchanged] == [drift], "in one of the two, once"
            kept += [hour] if own else []
            unchanged = again(unchanged)
        assert kept == rows, region or "all traffic has a row of each window"


def test_fields_and_series_are_told_apart() -> None:
    unchanged = Unchanged()
    unchanged.split([told("OK"), told("OK", field="g"), told("OK", region="us")])
    own, windows = unchanged.split([told("OK"), told("BAD", field="g"), told("OK", region="asia")])
    assert [(drift.field, drift.series.text) for drift in own] == [("g", "region=eu"), ("f", "region=asia")]
    assert [len(window.unchanged) for window in windows] == [1, 0]
    unchanged.forget(H + 1)
    assert not unchanged.stored


def test_a_day_of_a_hundred_features_in_fifty_slices_is_few_rows() -> None:
    """As one row each 122,400 a day and version, of which 2,400 are of all traffic."""
    unchanged, rows = Unchanged(), Counter[str]()
    fields, regions = [f"f{at}" for at in range(100)], ["", *(f"r{at}" for at in range(50))]
    for hour in range(DAY):
        found = [told("OK", hour, field=field, region=region) for field in fields for region in regions]
        own, windows = unchanged.split(found)
        rows["drift"] += len(own)
        rows["drift_window"] += len(windows)
    assert rows["drift"] == 100 * DAY + 50 * 100, "of all traffic, and the first of each slice"
    assert rows["drift_window"] == 51 * DAY


def events() -> list[Item]:
    """Eight hours; in the third and fourth the US pay in cash."""
    items = []
    for at in range(8 * 240):
        ts, region = START_MS + at * 15_000, ("eu", "us")[at % 2]
        cash = region == "us" and 2 * H <= ts - START_MS < 4 * H
        features = {"card": "cash" if cash else ["visa", "visa", "amex"][at // 2 % 3], "amount": at % 97 / 97}
        items.append(event(ts, region=region, features=features))
    return items


@pytest.mark.parametrize("how", [{}, {"restart": True}, {"batch": 31, "tell_quiet": True}])
def test_the_rows_of_a_shift_in_one_slice(how: dict[str, Any]) -> None:
    run = Run(policy_of(MONITOR, PROFILE), events(), **how)
    own = [drift for each in run.monitored for drift in each.drifts]
    by_place = {
        (field, text): [(drift.word, (drift.end - START_MS) // H) for drift in own if at(drift) == (field, text)]
        for field, text in {at(drift) for drift in own}
    }
    assert by_place["features.card", "region=eu"] == [("OK", 1)]
    assert by_place["features.amount", "region=us"] == [("OK", 1)]
    assert by_place["features.card", "region=us"] == [("OK", 1), ("BAD", 3), ("BAD", 4), ("OK", 5)]
    assert [hour for _, hour in by_place["features.card", "*"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(run.drifts) == 2 * 3 * 8, "each field, slice and window is in one of the two tables"


def at(drift: Drift) -> tuple[str, str]:
    return drift.field, drift.series.text
