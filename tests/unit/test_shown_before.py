"""What was shown of the newest panes is remembered, and no more than that."""

import numpy as np
import pytest

from operators.arrays import Ints
from operators.ingest import shown_before
from operators.ingest.shown_before import PANES_MAX, ShownBefore
from operators.window.samples import FAILING_MAX, LINEAGE
from tests.fast_kernels import both_ways

__all__ = ["both_ways"]

VERSIONS = [f"v{number}" for number in range(10)]


def first(shown: ShownBefore, sli: int, panes: list[int], times: list[int], versions: list[str]) -> list[int]:
    """The items that are looked at, of one model; their versions are numbered as they come."""
    names = [*dict.fromkeys(versions)]
    numbers = np.array([names.index(version) for version in versions], np.int64)
    column: Ints = np.array(panes, np.int64)
    groups = shown.groups(column, [np.zeros_like(column), numbers], [["m"], names])
    return [*map(int, shown.first(sli, np.ones(len(panes), bool), groups, np.array(times, np.int64)))]


def test_what_comes_later_in_time_is_looked_at_only_where_nothing_was_shown(both_ways: None) -> None:
    shown = ShownBefore()
    assert first(shown, LINEAGE, [7, 7, 7], [30, 20, 20], ["v1", "v1", "v2"]) == [1, 2]
    assert first(shown, LINEAGE, [7, 7, 7, 8], [21, 20, 19, 40], ["v2", "v2", "v1", "v1"]) == [1, 2, 3]
    assert first(shown, 0, [7] * FAILING_MAX, [50] * FAILING_MAX, ["v1"] * FAILING_MAX) == [*range(FAILING_MAX)]
    assert first(shown, 0, [7] * 9, [*range(60, 69)], ["v1"] * 9) == [*range(FAILING_MAX - 1)]
    assert first(shown, 0, [7, 7], [70, 49], ["v1", "v1"]) == [1]


def test_the_newest_panes_alone_are_remembered(both_ways: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_before, "GROUPS_MIN", 0)
    shown, last = ShownBefore(), 40
    for pane in range(last):
        assert len(first(shown, LINEAGE, [pane] * 10, [pane] * 10, VERSIONS)) == 10
        assert len(shown._row_of) <= 3 * PANES_MAX * 10
    for pane in range(last - PANES_MAX, last):
        assert first(shown, LINEAGE, [pane] * 10, [pane + 1] * 10, VERSIONS) == []
    assert len(first(shown, LINEAGE, [0] * 10, [1] * 10, VERSIONS)) == 10


def test_of_too_many_versions_nothing_is_remembered(both_ways: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_before, "GROUPS_MIN", 0)
    monkeypatch.setattr(shown_before, "GROUPS_MAX", 9)
    shown = ShownBefore()
    for time in range(3):
        assert len(first(shown, LINEAGE, [1] * 10, [time] * 10, VERSIONS)) == 10
    assert first(shown, LINEAGE, [1] * 9, [9] * 9, VERSIONS[:9]) == [*range(9)]
    assert first(shown, LINEAGE, [1] * 9, [9] * 9, VERSIONS[:9]) == [*range(9)]
    assert first(shown, LINEAGE, [1] * 9, [10] * 9, VERSIONS[:9]) == []
