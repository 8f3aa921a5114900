"""Panes close in order and keep every event; a window is what its panes add up to, however it slid there."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.policy.policy import Policy
from operators.policy.windows import Window
from operators.rules.measure import MeasureRule
from operators.window.merging import merge
from operators.window.pane_items import Closed, ShardInput
from operators.window.panes import Panes
from operators.window.sliding import WindowCounts
from operators.window.splitting import take
from operators.window.watermark import PartitionProgress, Watermark
from operators.window.windows import Windows
from tests.laws.partials import ANCHOR_MS, PANE_MS, RULES, events, partial_of, plain

QUANTILES = (0.5, 0.99)
HOP_SIZES = [(1, 1), (3, 3), (2, 1), (6, 1), (4, 2), (12, 6)]  # Panes per window, and per step.
POLICY: Policy = msgspec.structs.replace(
    RULES,
    windows=tuple(Window(size_ms=size * PANE_MS, every_ms=every * PANE_MS) for size, every in HOP_SIZES),
)
LOOKED_AT = ("stored", "of_rules", "whole")
RULE: dict[str, Any] = {"measure": "latency_ms", "at_most": 1_000}
# Rules on measures ask for bounds.
BOUNDED: Policy = msgspec.structs.replace(
    POLICY,
    rules=(
        MeasureRule(name="slow", statistic="p90", window_ms=3 * PANE_MS, **RULE),
        MeasureRule(name="dear", statistic="mean", window_ms=PANE_MS, **RULE),
    ),
    stored_ms=3 * PANE_MS,
)


def is_on_time(event: Any) -> bool:
    return bool(event["lag_ms"] < 5_000)


# Of each pane: how many quiet ones lie before it, and its events on time.
on_time = st.lists(events.filter(is_on_time), max_size=4)
histories = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 2, 7, 40]), on_time), min_size=1, max_size=6)


def closed_panes(history: list[tuple[int, list[dict[str, Any]]]], versions: bool = False) -> list[Closed]:
    """Panes as a shard closes them. With `versions` the series differ from pane to pane."""
    at_ms, panes = ANCHOR_MS, []
    for index, (quiet, items) in enumerate(history):
        at_ms += (quiet + 1) * PANE_MS
        renamed = [item | {"version": f"{item['version']}-{index}"} for item in items] if versions else items
        part = merge([partial_of(renamed, at_ms)])
        panes.append(Closed(pane=at_ms // PANE_MS, on_time=take(part, 0, int(np.searchsorted(part.late, 1)))))
    return [*panes, Closed(pane=panes[-1].pane + 3, end=True)]


def told(windows: Windows, panes: list[Closed]) -> list[WindowCounts]:
    return [counts for closed in panes for counts in windows.push(closed)]


def content(counts: WindowCounts) -> dict[Any, Any]:
    """What a window says of each series; sums as whole numbers, floats to the last bit."""
    return {
        name[:3]: (
            int(counts.events[row]),
            counts.slis[row].tolist(),
            [(n, (hi << 31) + lo) for n, hi, lo in counts.sums[row].tolist()],
            counts.extremes[row].tobytes(),
            counts.quantiles[row].tobytes(),
        )
        for row, name in enumerate(counts.names)
    }


@given(histories)
def test_sliding_is_recomputing_from_the_panes(history: list[tuple[int, list[dict[str, Any]]]]) -> None:
    """Each window anew: only its own panes, into a machine that never slid."""
    panes = closed_panes(history)
    for counts in told(Windows(POLICY, QUANTILES), panes):
        last = counts.end_ms // PANE_MS - 1
        first = last + 1 - counts.window.size_ms // PANE_MS
        own = [closed for closed in panes if first <= closed.pane <= last and closed.on_time is not None]
        alone = msgspec.structs.replace(
            POLICY, windows=(Window(size_ms=counts.window.size_ms, every_ms=counts.window.every_ms),)
        )
        anew = [
            some for some in told(Windows(alone, QUANTILES), [*own, Closed(pane=last)]) if some.end_ms == counts.end_ms
        ]
        assert [content(some) for some in anew] == [content(counts)]


@given(histories)
def test_every_window_with_events_comes_once_and_in_order(history: list[tuple[int, list[dict[str, Any]]]]) -> None:
    panes = closed_panes(history)
    found = Counter((c.window.size_ms, c.window.every_ms, c.end_ms) for c in told(Windows(POLICY, QUANTILES), panes))
    wanted: Counter[tuple[int, int, int]] = Counter()
    last_ms = panes[-1].pane * PANE_MS
    for window in POLICY.windows:
        for closed in panes[:-1]:
            start = closed.pane * PANE_MS // window.every_ms * window.every_ms
            limit = (last_ms // window.every_ms + 1) * window.every_ms
            for end in range(start + window.every_ms, min(start + window.size_ms, limit) + 1, window.every_ms):
                wanted[window.size_ms, window.every_ms, end] = 1
    assert found == wanted


@given(histories)
def test_numbering_slots_anew_changes_nothing(history: list[tuple[int, list[dict[str, Any]]]]) -> None:
    panes = closed_panes(history, versions=True)
    steady, restless = Windows(POLICY, QUANTILES), Windows(POLICY, QUANTILES)
    wanted = told(steady, panes)
    found = []
    for closed in panes:
        restless.slots_max = 0
        for counts in restless.push(closed):
            found.append(counts)
            restless.slots_max = 0
    assert [(c.end_ms, c.window, content(c)) for c in found] == [(c.end_ms, c.window, content(c)) for c in wanted]
    assert len(restless.slots.names) <= len(steady.slots.names)


def everything(counts: WindowCounts) -> dict[str, Any]:
    """All that a window holds, in its order."""
    outcomes = counts.outcomes
    parts = {name: getattr(counts, name) for name in ("events", "slis", "sums", "extremes", "quantiles", *LOOKED_AT)}
    return {name: part.tobytes() for name, part in (parts | counts.bounds).items()} | {
        "window": (counts.window, counts.end_ms),
        "names": [name[:3] for name in counts.names],
        "outcomes": outcomes and ([name[:3] for name in outcomes.names], outcomes.requests.tolist(), outcomes.errors),
    }


@given(histories, st.data(), st.booleans())
def test_panes_taken_together_come_to_what_they_do_one_by_one(
    history: list[tuple[int, list[dict[str, Any]]]], data: st.DataObject, versions: bool
) -> None:
    panes = closed_panes(history, versions)
    alone, together = Windows(BOUNDED, QUANTILES), Windows(BOUNDED, QUANTILES)
    wanted = [([everything(each) for each in alone.push(closed)], alone.take_stored()) for closed in panes]
    found: list[Any] = []
    while len(found) < len(panes):
        many = data.draw(st.integers(1, len(panes)))
        numbered = together.numbered_all(panes[len(found) : len(found) + many])
        found += [([*map(everything, ended)], together.take_stored()) for ended in together.push_all(numbered)]
    assert [ended for ended, _ in found] == [ended for ended, _ in wanted]
    for (_, some), (_, others) in zip(found, wanted, strict=True):
        assert [plain(part) for part in some] == [plain(part) for part in others]


@given(histories)
def test_windows_leave_the_panes_as_they_were(history: list[tuple[int, list[dict[str, Any]]]]) -> None:
    panes = closed_panes(history)
    before = msgspec.msgpack.encode([closed.on_time and closed.on_time.events.tolist() for closed in panes])
    told(Windows(POLICY, QUANTILES), panes)
    told(Windows(POLICY, QUANTILES), panes)
    assert msgspec.msgpack.encode([closed.on_time and closed.on_time.events.tolist() for closed in panes]) == before


marks = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50_000), st.integers(0, 9)), max_size=40)


def moved(steps: list[tuple[str, int, int]]) -> list[PartitionProgress]:
    """Marks of three partitions, each with a newest time that never falls; a tenth of them end one."""
    newest: dict[str, int] = {}
    done: set[str] = set()
    found = []
    for name, step, end in steps:
        if name not in done:
            newest[name] = newest.get(name, ANCHOR_MS) + step
            done |= {name} if end == 0 else set()
            found.append(PartitionProgress(partition=name, newest=newest[name], done=end == 0))
    return found + [
        PartitionProgress(partition=name, newest=newest.get(name, ANCHOR_MS), done=True)
        for name in "abc"
        if name not in done
    ]


@given(marks)
def test_the_watermark_never_falls(steps: list[tuple[str, int, int]]) -> None:
    watermark = Watermark(disorder_ms=5_000)
    low = watermark.low_ms
    for mark in moved(steps):
        watermark.update(mark, "abc")
        assert watermark.low_ms >= low
        low = watermark.low_ms
    assert watermark.ended
    assert low == watermark.newest_ms - 5_000


@given(marks)
def test_panes_close_in_order_and_keep_every_event(steps: list[tuple[str, int, int]]) -> None:
    """Every mark brings one event at its newest time; each comes out once, under its pane, before the end."""
    panes = Panes(RULES)
    closed: list[Any] = []
    wanted: Counter[int] = Counter()
    for mark in moved(steps):
        pane = mark.newest // PANE_MS
        partial = partial_of([], mark.newest)
        wanted[pane] += partial.events.sum()
        closed += panes.push(ShardInput(shard=0, mark=mark, partitions=("a", "b", "c"), partials=[(pane, partial)]))
    numbers = [each.pane for each in closed]
    assert numbers == sorted(set(numbers)), "the last pane that closes tells the end"
    assert [each.end for each in closed] == [False] * (len(closed) - 1) + [True]
    found = {each.pane: int(each.on_time.events.sum()) for each in closed if each.on_time is not None}
    assert found == dict(wanted)
