"""What is saved of panes, how windows come back from it, and what comes too late for a closed pane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.policy_file.toml import parse
from operators.window.fence import OutOfStep
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed, ReplayPlan, ReplayRequest, ShardInput
from operators.window.panes import Panes
from operators.window.partial import unwatched
from operators.window.recall import PaneReplay, PaneStore, RecalledWindows, WindowProgress
from operators.window.watermark import PartitionProgress
from tests.dataflows.making import POLICY
from tests.laws.partials import ANCHOR_MS, PANE_MS, events, partial_of, plain

RULES = parse(POLICY)
PANE = ANCHOR_MS // PANE_MS


@given(st.lists(events, max_size=20))
def test_packing_loses_nothing(items: list[dict[str, object]]) -> None:
    part = partial_of(items)
    again = unpack(pack(part))
    assert plain(again) == plain(part)
    for name in ("which", "pane", "late", "events", "slis", "sums", "extremes", "outcomes", "cells"):
        one, other = getattr(part, name), getattr(again, name)
        assert one.dtype == other.dtype, name
        assert np.array_equal(one, other), name


def test_a_slot_tells_what_it_holds_and_nothing_else() -> None:
    part = partial_of([])
    slot = PaneStore(None)
    closed = Closed(pane=PANE, on_time=part)
    assert slot.push(closed) is closed
    told = PaneStore(slot.held).push(ReplayRequest(pane=PANE))
    assert isinstance(told, PaneReplay)
    assert part.moments.shape[1]
    assert plain(unpack(told.on_time)) == plain(unwatched(part)), "what is watched has gone to the monitors already"
    with pytest.raises(OutOfStep):
        slot.push(ReplayRequest(pane=PANE + 1))


def test_windows_wait_until_all_panes_are_told_and_take_new_ones_in_order() -> None:
    parts = [partial_of([], ANCHOR_MS + index * PANE_MS) for index in range(5)]
    panes = [Closed(pane=PANE + index, on_time=part, order=index) for index, part in enumerate(parts)]
    straight = RecalledWindows(RULES, (0.5,), None)
    wanted = [[counts.end_ms for counts in moved.windows] for pane in panes for moved in straight.push(pane)]
    again = RecalledWindows(RULES, (0.5,), WindowProgress(order=3, pane=PANE + 2))
    assert list(again.push(panes[4])) == []
    assert list(again.push(PaneReplay(pane=PANE + 1, on_time=pack(parts[1])))) == []
    assert list(again.push(ReplayPlan(panes=(PANE, PANE + 1, PANE + 2), order=3))) == []
    assert list(again.push(PaneReplay(pane=PANE + 2, on_time=pack(parts[2])))) == []
    assert list(again.push(panes[3])) == []
    moved = list(again.push(PaneReplay(pane=PANE, on_time=pack(parts[0]))))
    assert [each.closed.pane for each in moved] == [each.pane for each in panes[3:]]
    assert [[counts.end_ms for counts in each.windows] for each in moved] == wanted[3:]
    assert again.reached == straight.reached


def test_a_hop_may_hold_panes_of_before_and_after_a_restart() -> None:
    """Those of before have lost what was watched; once they could not be added to the others."""
    slots = [PaneStore(None), PaneStore(None)]
    panes = [Closed(pane=PANE + n, on_time=partial_of([], ANCHOR_MS + n * PANE_MS), order=n) for n in range(8)]
    straight = RecalledWindows(RULES, (0.5,), None)
    wanted = [counts.sums.tolist() for pane in panes for moved in straight.push(pane) for counts in moved.windows]
    again = RecalledWindows(RULES, (0.5,), WindowProgress(order=2, pane=PANE + 1))
    list(again.push(ReplayPlan(panes=(PANE, PANE + 1), order=2)))
    for slot, pane in zip(slots, panes, strict=False):
        slot.push(pane)
        told = slot.push(ReplayRequest(pane=pane.pane))
        assert isinstance(told, PaneReplay)
        list(again.push(told))
    found = [counts.sums.tolist() for pane in panes[2:] for moved in again.push(pane) for counts in moved.windows]
    assert found == wanted[-len(found) :]
    assert len(found) > 5


def test_what_comes_for_a_pane_that_closed_meanwhile_is_late_and_reopens_nothing() -> None:
    """A partition was left out as idle, panes closed, and then it spoke: on time by its own log, too late for us."""
    panes = Panes(RULES)
    both = ("a", "b")
    panes.push(ShardInput(shard=0, mark=PartitionProgress(partition="b", idle=True), partitions=both))
    first = partial_of([], ANCHOR_MS)
    later = PartitionProgress(partition="a", newest=ANCHOR_MS + 60_000)
    closed = panes.push(ShardInput(shard=0, mark=later, partitions=both, partials=[(PANE, first)]))
    assert [item.pane for item in closed if isinstance(item, Closed) and item.on_time] == [PANE]
    spoke = PartitionProgress(partition="b", newest=ANCHOR_MS)
    assert panes.push(ShardInput(shard=0, mark=spoke, partitions=both, partials=[(PANE, first)])) == []
    end = [PartitionProgress(partition=name, newest=ANCHOR_MS + 120_000, done=True) for name in both]
    rest = [item for mark in end for item in panes.push(ShardInput(shard=0, mark=mark, partitions=both))]
    late = [item for item in rest if isinstance(item, Closed) and item.late]
    assert [int(item.late.events.sum()) for item in late if item.late] == [1]
    assert not any(item.on_time for item in rest if isinstance(item, Closed))
    assert late[0].pane > PANE
