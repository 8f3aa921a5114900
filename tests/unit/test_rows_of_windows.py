"""A window says which of its rows are of all traffic, and which a rule on a measure may look at: others go unnamed."""

import numpy as np

from operators.policy.rules import QUANTILES
from operators.policy_file.toml import parse
from operators.window.pane_items import Closed
from operators.window.picked import Picked, pick
from operators.window.windows import Windows
from tests.dataflows.making import POLICY
from tests.laws.partials import partial_of

RULES = parse(
    POLICY
    + """
[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "p95"
at_most = 10
window = "1m"
action = "alert"
slices = ["*", "region,segment"]
"""
)
ITEM = {"lag_ms": 0, "version": "v1", "region": "eu", "error_type": None, "latency_ms": 5.0, "score": 1.0}


def test_rows_are_found_by_what_they_are_of() -> None:
    part = partial_of([ITEM, ITEM | {"region": "us"}, ITEM | {"version": "v2"}])
    windows = Windows(RULES, tuple(QUANTILES.values()))
    ended = list(windows.push(windows.numbered(Closed(pane=int(part.pane[0]), on_time=part, end=True))))
    assert {counts.window for counts in ended} == {*RULES.windows}
    for counts in ended:
        assert counts.whole is not None
        assert counts.of_rules is not None
        assert counts.whole.tolist() == [row for row, name in enumerate(counts.names) if not name.dims]
        asked = counts.window.size_ms == 60_000
        looked_at = [row for row, name in enumerate(counts.names) if len(name.dims) in (0, 2) and asked]
        assert counts.of_rules.tolist() == looked_at
        (bounds,) = counts.bounds.values() if asked else (None,)
        assert bounds is None or np.isfinite(bounds[counts.of_rules]).any()


def test_some_of_some_are_picked_of_all() -> None:
    names = ["a", "b", "c", "d"]
    some = pick(names, np.array([3, 1, 0]))
    assert (list(some), list(pick(some, np.array([2, 0]))), some[1]) == (["d", "b", "a"], ["a", "d"], "b")
    assert isinstance(some, Picked)
    assert pick(some, np.array([1])).every is names
    assert (some == ["d", "b", "a"], some == Picked(["d", "b", "a"], np.arange(3)), some == ["d", "b"]) == (1, 1, 0)
