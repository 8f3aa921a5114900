"""oracle_quantiles.json: exact order statistics of series of these data sets, computed with NumPy, and their bound."""

from collections.abc import Sequence
from typing import Any

from tests.real_data.data import read_json

ACCURACY = 0.01
LEVELS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
SERIES = 13


def oracle(prefix: str) -> dict[str, dict[str, Any]]:
    """Return the series whose name starts with `prefix`, by the rest of the name."""
    series = read_json("oracle_quantiles.json")["series"]
    assert len(series) == SERIES
    assert all(tuple(each["q"]) == LEVELS for each in series)
    return {each["series"].removeprefix(prefix): each for each in series if each["series"].startswith(prefix)}


def assert_within_bound(exact: dict[str, Any], estimates: Sequence[float]) -> None:
    """Every sketch of accuracy a must satisfy lower * (1 - a) <= estimate <= higher * (1 + a)."""
    for level, lower, higher, estimate in zip(
        LEVELS, exact["exact_lower"], exact["exact_higher"], estimates, strict=True
    ):
        assert lower * (1 - ACCURACY) <= estimate <= higher * (1 + ACCURACY), (exact["series"], level)
