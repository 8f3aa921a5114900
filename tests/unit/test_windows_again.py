"""A window that ended with the same in it as the one before has the same rows, but for where it lies."""

import msgspec
import numpy as np
import pytest

from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.rows.windows import window_rows
from operators.store.rows import Coded, Rows
from operators.window import sliding
from operators.window.pane_items import Closed
from operators.window.sliding import WindowCounts
from operators.window.windows import Windows
from tests.laws.partials import RULES, partial_of

ITEM = {"lag_ms": 0, "version": "v1", "region": "eu", "error_type": None, "latency_ms": 5.0, "score": 1.0}


def ended(policy: Policy) -> list[WindowCounts]:
    """The windows of one pane with two events, until nothing is in them any more."""
    part = partial_of([ITEM, ITEM | {"latency_ms": 9.0}])
    first = int(part.pane[0])
    windows = Windows(policy, tuple(QUANTILES.values()))
    found = list(windows.push(windows.numbered(Closed(pane=first, on_time=part))))
    return found + list(windows.push(Closed(pane=first + 1_000)))


def plain(rows: list[Rows]) -> list[dict[str, list[object]]]:
    """The values of every column."""
    return [{name: _values(column) for name, column in some.columns.items()} for some in rows]


def _values(column: object) -> list[object]:
    if isinstance(column, Coded):
        return [column.values[code] for code in column.codes.tolist()]
    return [*np.asarray(column).tolist()]


@pytest.mark.parametrize("kept", [0, 1_000])
def test_rows_are_those_of_the_window_alone(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sliding, "KEPT_MAX", kept)
    windows = ended(RULES)
    assert any(counts.again for counts in windows), "a window that slides over a quiet time holds the same"
    for counts in windows:
        alone = window_rows(msgspec.structs.replace(counts, again=None), RULES)
        assert plain(window_rows(counts, RULES)) == plain(alone)
