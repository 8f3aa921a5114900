"""Rows of many small windows and panes made at once are those that each of them has, in the same order."""

from collections import defaultdict
from collections.abc import Iterable
from random import Random

import msgspec
import numpy as np
import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.policy.rules import QUANTILES
from operators.rows import small
from operators.rows.panes import rows_of_stored, stored_rows
from operators.rows.windows import rows_of_windows, window_rows
from operators.store.rows import Rows
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.sliding import WindowCounts
from operators.window.windows import Windows
from tests.laws.partials import ANCHOR_MS, PANE_MS, RULES, partial_of


def parts(random: Random) -> list[Partial]:
    """What came in with each of some panes."""
    return [
        partial_of(
            [
                {
                    "lag_ms": 0,
                    "version": random.choice(("v1", "v2")),
                    "region": random.choice(("eu", "us")),
                    "error_type": random.choice((None, None, "timeout", f"e{random.randrange(3)}")),
                    "latency_ms": random.choice((None, 5.0, round(random.uniform(0, 900), 2))),
                    "score": random.choice((None, 0.25)),
                }
                for _ in range(random.randrange(8))
            ],
            ANCHOR_MS + number * PANE_MS,
        )
        for number in range(12)
    ]


def ended(some: list[Partial]) -> list[tuple[WindowCounts, Closed]]:
    windows = Windows(RULES, tuple(QUANTILES.values()))
    found = []
    for number, part in enumerate(some):
        closed = Closed(pane=int(part.pane[0]), on_time=part)
        # From the fourth pane on an SLI and a dimension are new, and windows are not whole.
        begun = msgspec.structs.replace(closed, begins={0: closed.pane - 1}, sliced={0: closed.pane}, held=closed.pane)
        of = begun if 3 <= number < 6 else closed
        found += [(counts, of) for counts in windows.push(windows.numbered(closed))]
    last = Closed(pane=int(some[-1].pane[0]) + 1_000)
    return found + [(counts, last) for counts in windows.push(last)]


def tables(rows: Iterable[Rows]) -> dict[str, list[dict[str, object]]]:
    """All rows by table, in their order, as they are stored."""
    found: dict[str, list[dict[str, object]]] = defaultdict(list)
    for some in rows:
        found[some.table] += to_arrow(some).to_pylist()
    return found


@pytest.mark.parametrize("together", [1, 2, 64])
def test_rows_of_windows_are_those_of_each(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "TOGETHER", together)
    monkeypatch.setattr(small, "FEW", 7)  # Of series: some are large.
    windows = ended(parts(Random(2)))
    few = {len(counts.names) <= 7 for counts, _ in windows}
    found = tables(rows_of_windows(windows, RULES))
    each = tables(made for counts, closed in windows for made in window_rows(counts, RULES, closed))
    assert few == {True, False}
    assert np.unique([row["coverage"] for row in found["sli_window"]]).size > 2
    assert found.keys() == {"sli_window", "measure_window", "outcome_window"}
    assert repr(found) == repr(each)  # As text: a NaN is not the same as itself.


@pytest.mark.parametrize("together", [1, 3, 64])
def test_rows_of_panes_of_the_store_are_those_of_each(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "TOGETHER", together)
    monkeypatch.setattr(small, "FEW", 3)
    some = parts(Random(4))
    assert {part.rows <= 3 for part in some} == {True, False}
    found = tables(rows_of_stored(some, RULES))
    assert found.keys() == {"sli_pane", "outcome_pane", "measure_pane"}
    assert repr(found) == repr(tables(made for part in some for made in stored_rows(part, RULES)))
