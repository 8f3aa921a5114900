"""Which rows of windows are stored, and how long the panes of the store are: rules see all of it either way."""

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.policy_file.toml import parse
from operators.rows.panes import stored_rows
from operators.window.packing import pack
from operators.window.pane_items import Closed, ReplayPlan
from operators.window.partial import Partial
from operators.window.recall import PaneReplay, RecalledWindows, WindowProgress
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import Ran, run_flow, tables_of
from tests.laws.partials import ANCHOR_MS, PANE_MS, RULES, partial_of
from tests.policies import refused

JUDGED = (
    POLICY
    + """
[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "p95"
at_most = 10
window = "1m"
n_min = 5
action = "alert"
slices = ["*", "region,segment"]
[[rule]]
name = "up"
kind = "threshold"
sli = "availability"
target = 0.99
window = "1m"
action = "alert"
slices = ["*", "region"]
"""
)
REPORT = '[{ slices = ["*"] }, { slices = ["region"], every = "30s" }, { slices = ["region,segment"], every = "2m" }]'
EVERY_MS = {(): 10_000, ("region",): 30_000, ("region", "segment"): 120_000}


def thrifty(text: str) -> str:
    """The same policy: panes are stored by the minute, of two windows some rows, of the third all."""
    text = text.replace("[time]\n", '[time]\nstored = "1m"\n')
    text = text.replace('tumbling = ["30s"]', 'tumbling = [{ size = "30s", report = [{ slices = ["segment"] }] }]')
    wanted = text.replace('{ size = "1m", every = "10s" }', f'{{ size = "1m", every = "10s", report = {REPORT} }}')
    assert wanted != text
    return wanted


LOGS = [log("a", Random(3), 1_500, spacing_ms=300), log("b", Random(4), 400, stream="feedback", spacing_ms=900)]
WINDOW = ("model", "version", "slice", "kind", "size_ms", "window_start", "window_end")
NAMES = {"sli_pane": "sli", "outcome_pane": "error_type", "measure_pane": "measure"}


@pytest.fixture(scope="module")
def both() -> tuple[Ran, Ran]:
    return run_flow(parse(JUDGED), LOGS, STARTED_MS), run_flow(parse(thrifty(JUDGED)), LOGS, STARTED_MS)


def test_rules_say_the_same_whatever_is_stored(both: tuple[Ran, Ran]) -> None:
    full, less = ([without_policy(row) for row in ran.tables["verdict"]] for ran in both)
    assert less == full
    assert {row["rule"] for row in full} == {"slow", "up"}
    assert [event.reason for event in both[1].control] == [event.reason for event in both[0].control] != []


def without_policy(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "policy"}


def is_reported(row: dict[str, Any], last_ms: int) -> bool:
    """Whether it is to be stored, where the last pane ends at `last_ms`."""
    dims = tuple(row["dims"])
    if row["window_end"] > last_ms:
        return True
    if row["size_ms"] == 30_000:
        return dims == ("segment",)
    if row["size_ms"] == 120_000:
        return True
    return dims in EVERY_MS and row["window_end"] % EVERY_MS[dims] == 0


@pytest.mark.parametrize("table", ["sli_window", "measure_window"])
def test_the_rows_that_are_reported_are_the_same_and_no_others_are_stored(both: tuple[Ran, Ran], table: str) -> None:
    full, less = ({repr(sorted(row.items(), key=str)) for row in ran.tables[table]} for ran in both)
    last_ms = max(row["pane_start"] for row in both[0].tables["sli_pane"] if not row["late"]) + 10_000
    wanted = {repr(sorted(row.items(), key=str)) for row in both[0].tables[table] if is_reported(row, last_ms)}
    assert less == wanted
    assert len(wanted) < 0.6 * len(full)
    on_end = {(row["size_ms"], len(row["dims"])) for row in both[1].tables[table] if row["window_end"] <= last_ms}
    assert on_end == {
        (30_000, 1), (60_000, 0), (60_000, 1), (60_000, 2), (120_000, 0), (120_000, 1), (120_000, 2),
    }  # fmt: skip


@pytest.mark.parametrize("table", NAMES)
def test_panes_of_a_minute_hold_what_their_panes_hold(both: tuple[Ran, Ran], table: str) -> None:
    full, less = both[0].tables[table], both[1].tables[table]
    on_time = [row for row in less if not row["late"]]
    assert summed(full, NAMES[table]) == summed(less, NAMES[table])
    assert {row["pane_ms"] for row in on_time} == {60_000}
    assert {row["pane_start"] % 60_000 for row in on_time} == {0}
    assert len({(*key_of(row), row[NAMES[table]]) for row in on_time}) == len(on_time)
    assert len(on_time) < 0.8 * sum(not row["late"] for row in full)
    late = [[row for row in rows if row["late"]] for rows in (full, less)]
    assert sorted(late[0], key=repr) == sorted(late[1], key=repr) != []


def key_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["model"], row["version"], row["slice"], row["pane_start"] // 60_000, row["late"]


def summed(rows: Sequence[dict[str, Any]], name: str) -> dict[Any, Any]:
    """Return all that panes count, by series and minute; of extremes the largest."""
    sums: Counter[Any] = Counter()
    largest: dict[Any, float] = {}
    for row in rows:
        key = (*key_of(row), row[name])
        for column in ("good", "bad", "neither", "n", "sum", "ver"):
            sums[key, column] += row.get(column, 0)
        for code, count in zip(row.get("buckets", []), row.get("counts", []), strict=True):
            sums[key, code] += count
        for column, value in (("max", row.get("max")), ("min", -row.get("min", 0))):
            if value is not None:
                largest[key, column] = max(largest.get((key, column), value), value)
    return {"sums": +sums, "largest": largest}


PANE = ANCHOR_MS // PANE_MS // 12 * 12  # The first of two minutes.
BY_MINUTE = msgspec.structs.replace(RULES, stored_ms=60_000)
PARTS = [partial_of([], (PANE + index) * PANE_MS) for index in range(14)]
CLOSED = [Closed(pane=PANE + index, on_time=part, order=index) for index, part in enumerate(PARTS)]


def stored(windows: RecalledWindows, closed: Sequence[Closed]) -> list[tuple[int, int]]:
    """The minutes that are stored, each with how many events it has."""
    parts = [part for each in closed for moved in windows.push(each) for part in moved.stored]
    return [(int(part.pane[0]), int(part.events.sum())) for part in parts]


@pytest.mark.parametrize("at", range(1, 13))
def test_after_a_restart_a_minute_is_stored_whole(at: int) -> None:
    straight = RecalledWindows(BY_MINUTE, (0.5,), None)
    before = stored(straight, CLOSED[:at])
    again = RecalledWindows(BY_MINUTE, (0.5,), straight.reached)
    list(again.push(ReplayPlan(panes=tuple(PANE + index for index in range(at)), order=at)))
    for index, part in enumerate(PARTS[:at]):
        list(again.push(PaneReplay(pane=PANE + index, on_time=pack(part))))
    assert before + stored(again, CLOSED[at:]) == [(PANE // 6, 6), (PANE // 6 + 1, 6)]


def test_what_an_older_worker_stored_pane_by_pane_is_not_stored_again() -> None:
    reached = WindowProgress(order=8, pane=PANE + 7)
    assert reached.unstored is None
    again = RecalledWindows(BY_MINUTE, (0.5,), reached)
    list(again.push(ReplayPlan(panes=tuple(PANE + index for index in range(8)), order=8)))
    for index, part in enumerate(PARTS[:8]):
        list(again.push(PaneReplay(pane=PANE + index, on_time=pack(part))))
    assert stored(again, CLOSED[8:]) == [(PANE // 6 + 1, 4)]


def test_panes_that_are_to_be_longer_or_shorter_lose_none_and_repeat_none() -> None:
    """Whatever was not stored when the worker stopped is stored as the policy says now."""
    for now, wanted in ((None, [(PANE + index, 1) for index in range(6, 14)]), (120_000, [(PANE // 12, 6)])):
        straight = RecalledWindows(BY_MINUTE, (0.5,), None)
        assert stored(straight, CLOSED[:9]) == [(PANE // 6, 6)]
        again = RecalledWindows(msgspec.structs.replace(RULES, stored_ms=now), (0.5,), straight.reached)
        list(again.push(ReplayPlan(panes=tuple(PANE + index for index in range(9)), order=9)))
        for index, part in enumerate(PARTS[:9]):
            list(again.push(PaneReplay(pane=PANE + index, on_time=pack(part))))
        assert stored(again, CLOSED[9:]) == wanted


def test_only_what_is_looked_at_has_quantiles() -> None:
    policy = parse(thrifty(POLICY))
    windows = RecalledWindows(policy, (0.5,), None)
    part: Partial = partial_of([{"lag_ms": 0, "region": "eu", "version": "v1", "latency_ms": 5.0}])
    (moved,) = windows.push(Closed(pane=int(part.pane[0]), on_time=part, order=0))
    (minute,) = [each for each in moved.windows if each.window.size_ms == 60_000]
    known = np.isfinite(minute.quantiles[:, 0, 0])
    assert minute.stored is not None
    assert known.sum() <= len(minute.stored) < len(minute.names)
    assert {minute.names[row].text for row in minute.stored.tolist()} >= {"*"}
    assert tables_of(stored_rows(part, policy))["sli_pane"]


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('slices = ["*"] }', 'slices = ["b"] }', "windows.sliding[0].report[0].slices", "one of the reported slices"),
        ('slices = ["*"] }', "slices = [] }", "windows.sliding[0].report[0].slices", "[]"),
        ('every = "30s" }', 'every = "7s" }', "windows.sliding[0].report[1].every", "must be a multiple of 10s"),
        ('every = "30s" }', 'every = "0s" }', "windows.sliding[0].report[1].every", "must be a multiple of 10s"),
        ('every = "30s" }', 'often = "30s" }', "windows.sliding[0].report[1].often", "is not a key"),
        ('["segment"] }]', '["segments"] }]', "windows.tumbling[0].report[0].slices", "one of the reported slices"),
        ('{ size = "30s", report', '{ report', "windows.tumbling[0].size", "is required"),
        ('stored = "1m"', 'stored = "15s"', "time.stored", "'15s': must be a multiple of time.pane (10s)"),
        ('stored = "1m"', 'stored = "110s"', "time.stored", "and divide an hour"),
        ('stored = "1m"', 'stored = "0s"', "time.stored", "must be a multiple"),
        ('stored = "1m"', 'stored = "10m"', "time.stored", "at most the longest of [windows]"),
    ],
)  # fmt: skip
def test_a_wrong_report_is_refused_by_its_key(old: str, new: str, key: str, says: str) -> None:
    text = thrifty(POLICY)
    assert old in text
    refused(text.replace(old, new, 1), key, says)


def test_what_is_stored_changes_no_state_that_is_kept() -> None:
    """A worker goes on with its recovery folder."""
    assert parse(thrifty(POLICY)).shape == parse(POLICY).shape
    assert parse(thrifty(POLICY)).hash != parse(POLICY).hash
    assert parse(POLICY.replace('tumbling = ["30s"]', 'tumbling = [{ size = "30s" }]')).shape == parse(POLICY).shape
