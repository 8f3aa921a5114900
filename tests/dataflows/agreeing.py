"""Holds what the monitor wrote against the oracle: counts and sums exactly, quantiles and histograms within 1 %."""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from operators.window.series_index import slice_text
from tests.dataflows.running import Table
from tests.oracle import Answer, Row, exact_sum, wilson

PANE = ("model", "version", "slice", "pane_start", "late", "arrival")
WINDOW = ("model", "version", "slice", "kind", "size_ms", "window_start", "window_end")
WITHIN = 0.01 * (1 + 1e-9)
FINEST = 1e-9  # The bucket around zero.
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


FOUR_BYTES = 1e-7  # How exact the database keeps what is rounded there.


def check(tables: Table, answer: Answer, policy_text: str, rounded: float = 0.0) -> None:
    """Every row that must be there is, once, with the right content; and no other.

    Bounds, means and quantiles of windows may be `rounded`, by that share of each.
    """
    policy = tomllib.loads(policy_text)
    _check_panes(tables, answer)
    _check_windows(tables, answer, rounded)
    _check_outcomes(tables)
    found = {(row["source"], row["position"], row["item"], row["reason"]) for row in tables["dead_letter"]}
    assert found == answer.rejects
    assert len(tables["dead_letter"]) == len(answer.rejects)
    for name, rows in tables.items():
        for row in rows:
            if "dims" in row:
                assert list(row["dims"]) == [known for known in policy["slices"]["dimensions"] if known in row["dims"]]
                assert (row["slice"] == "*") == (not row["dims"]), name


def _by_key(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[Row, Mapping[str, Any]]:
    found = {tuple(row[name] for name in names): row for row in rows}
    assert len(found) == len(rows), "two rows with one key: the database would keep only one of them"
    return found


def _same_keys(found: Mapping[Row, object], wanted: Mapping[Row, object]) -> None:
    missing, surplus = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    assert not missing, f"{len(missing)} rows missing: {missing[:3]}"
    assert not surplus, f"{len(surplus)} rows too many: {surplus[:3]}"


def _check_panes(tables: Table, answer: Answer) -> None:
    slis = _by_key(tables["sli_pane"], (*PANE, "sli"))
    _same_keys(slis, answer.sli_pane)
    for key, counts in answer.sli_pane.items():
        row = slis[key]
        assert (row["good"], row["bad"], row["neither"]) == counts, key
        assert row["ver"] == sum(counts)
    outcomes = _by_key(tables["outcome_pane"], (*PANE, "error_type"))
    _same_keys(outcomes, answer.outcome_pane)
    for key, n in answer.outcome_pane.items():
        assert outcomes[key]["n"] == outcomes[key]["ver"] == n, key
    measures = _by_key(tables["measure_pane"], (*PANE, "measure"))
    _same_keys(measures, answer.measure_pane)
    for key, values in answer.measure_pane.items():
        _check_measure_pane(measures[key], values)


def _check_measure_pane(row: Mapping[str, Any], values: Sequence[Decimal]) -> None:
    assert row["n"] == row["ver"] == len(values)
    assert Decimal(row["sum"]).scaleb(-9) == exact_sum(row["measure"], values), row["measure"]
    numbers = np.sort(np.array([float(value) for value in values]))
    assert (row["min"], row["max"]) == (numbers[0], numbers[-1])
    codes, counts, gamma = np.array(row["buckets"]), np.array(row["counts"]), row["gamma"]
    assert (np.diff(codes) > 0).all()
    assert (counts > 0).all()
    assert counts.sum() == len(values)
    # As the comment in 0001_panes.sql decodes them.
    middles = [
        0.0 if code == -2000 else math.copysign(2 * gamma ** (code if code > -2000 else -(code + 4000)), code + 2000)
        for code in codes.tolist()
    ]
    told = np.sort(np.repeat(np.array(middles) / (gamma + 1), counts))
    assert within(told, numbers), (row, numbers)


def _check_windows(tables: Table, answer: Answer, rounded: float) -> None:
    slis = _by_key(tables["sli_window"], (*WINDOW, "sli"))
    _same_keys(slis, answer.sli_window)
    for key, (good, bad) in answer.sli_window.items():
        row = slis[key]
        assert (row["good"], row["bad"], row["ver"]) == (good, bad, good + bad), key
        assert row["ratio"] == good / (good + bad)
        for told, wanted in zip((row["lower"], row["upper"]), wilson(good, good + bad), strict=True):
            assert math.isclose(told, wanted, rel_tol=1e-9 + rounded, abs_tol=1e-9), key
        slack = rounded * row["ratio"]
        assert 0 <= row["lower"] <= row["ratio"] + slack
        assert row["ratio"] - slack <= row["upper"] <= 1
    measures = _by_key(tables["measure_window"], (*WINDOW, "measure"))
    _same_keys(measures, answer.measure_window)
    for key, values in answer.measure_window.items():
        row = measures[key]
        numbers = sorted(map(float, values))
        assert row["n"] == row["ver"] == len(values), key
        assert math.isclose(row["mean"], exact_sum(row["measure"], values) / len(values), rel_tol=1e-14 + rounded), key
        assert row["max"] == numbers[-1]
        # Between neighbours of unlike sign only an error of 1 % of the larger one is promised.
        slack = 0.01 * max(-numbers[0], numbers[-1]) if numbers[0] < 0 < numbers[-1] else 0.0
        for name, level in QUANTILES.items():
            wanted = _quantile(numbers, level)
            assert abs(row[name] - wanted) <= (WITHIN + rounded) * abs(wanted) + slack + FINEST, (
                key,
                name,
                row[name],
                wanted,
            )


def _check_outcomes(tables: Table) -> None:
    """Windows of outcomes and progress say what the panes say, which agree with the oracle."""
    panes = [row for row in tables["outcome_pane"] if not row["late"]]
    late = [row for row in tables["outcome_pane"] if row["late"]]
    assert sum(row["requests"] for row in tables["progress"]) == sum(row["n"] for row in panes)
    assert sum(row["late"] for row in tables["progress"]) == sum(row["n"] for row in late)
    ends = {row["pane_start"] + row["pane_ms"] for row in panes}
    assert ends <= {row["at"] for row in tables["progress"]}
    windows = [*tables["sli_window"], *tables["measure_window"], *tables["outcome_window"]]
    sizes = {row["size_ms"] for row in windows if row["kind"] == "tumbling"}
    judged = {row["model"] for row in windows}
    wanted: Counter[tuple[Any, ...]] = Counter()
    for row in panes:
        for size in sizes if row["model"] in judged else ():
            start = row["pane_start"] // size * size
            for text in ("*", *(slice_text([pair]) for pair in row["dims"].items())):
                wanted[row["model"], row["version"], text, size, start, row["error_type"]] += row["n"]
    found: Counter[tuple[Any, ...]] = Counter()
    for row in tables["outcome_window"]:
        key = row["model"], row["version"], row["slice"], row["size_ms"], row["window_start"]
        assert row["kind"] == "tumbling"
        assert row["window_end"] == row["window_start"] + row["size_ms"]
        failed = dict(zip(row["error_types"], row["errors"], strict=True))
        assert "" not in failed
        found.update({(*key, name): n for name, n in failed.items()})
        found[*key, ""] += row["requests"] - sum(failed.values())
    assert +found == +wanted


def _quantile(ordered: Sequence[float], level: float) -> float:
    """What numpy.quantile says, on the line between two neighbours; NumPy takes 0.1 ms for a window of some values."""
    at = level * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def within(told: Any, wanted: Any) -> bool:
    """Whether values agree within 1 %, and within the finest bucket around zero."""
    return bool(np.all(np.abs(told - wanted) <= WITHIN * np.abs(wanted) + FINEST))
