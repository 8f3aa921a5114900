"""Steps whose panes had another length save what is still to be left as it was, and leave it once."""

import msgspec
import numpy as np

from operators.policy_file.toml import parse
from operators.window.fence import NOWHERE, Span
from operators.window.going_over import PanesOfAnyLength
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed, PaneItem, ReplayPlan, ReplayRequest, ShardInput
from operators.window.pane_lengths import Leftover
from operators.window.panes import Panes
from operators.window.recall import PaneReplay, PaneStore, RecalledWindows, WindowProgress, held_now
from operators.window.saved_panes import SavedPanes
from operators.window.watermark import PartitionProgress
from tests.dataflows.making import POLICY
from tests.laws.partials import ANCHOR_MS, PANE_MS, partial_of, plain

RULES = parse(POLICY)
OTHER = parse(
    POLICY.replace('pane = "10s"', 'pane = "1m"').replace('"30s"', '"2m"').replace('every = "10s"', 'every = "1m"')
)
PANE = ANCHOR_MS // PANE_MS
MINUTE = -(-(PANE + 2) * PANE_MS // 60_000)  # The first whole one after two panes of before.


def said(at_ms: int, *panes: int, start: int = NOWHERE, pane_ms: int = PANE_MS) -> ShardInput:
    mark = PartitionProgress(partition="a", newest=at_ms)
    parts = [(pane, partial_of([], pane * pane_ms)) for pane in panes]
    partials = [(pane, msgspec.structs.replace(part, pane=np.full(part.rows, pane))) for pane, part in parts]
    return ShardInput(shard=0, mark=mark, partitions=("a",), partials=partials, span=Span(start=start, stop=at_ms))


def saved() -> SavedPanes:
    """One pane has closed, and the next one is open."""
    panes = Panes(RULES)
    panes.push(said((PANE + 1) * PANE_MS + 5_000, PANE, PANE + 1))
    assert panes.closed == PANE
    return panes.save()


def kinds(items: list[PaneItem]) -> list[str]:
    return [type(item).__name__ for item in items]


def test_open_panes_are_left_with_the_first_input_and_not_before() -> None:
    start = (PANE + 1) * PANE_MS + 5_000
    waiting = PanesOfAnyLength(OTHER, saved(), RULES.columns).save()
    assert (waiting.pane_ms, waiting.closed, waiting.kept) == (PANE_MS, PANE, (PANE,))
    for known, had in ((saved(), RULES.columns), (waiting, OTHER.columns)):
        panes = PanesOfAnyLength(OTHER, known, had)
        out = panes.push(said(start + 1, start=start))
        assert kinds(out) == ["ReplayPlan", "ReplayRequest", "Leftover", "Closed"]
        left, closed = out[-2:]
        assert isinstance(left, Leftover)
        assert isinstance(closed, Closed)
        assert (left.pane, left.pane_ms, left.counted) == (PANE + 1, PANE_MS, False)
        assert left.on_time is not None
        assert (closed.pane, closed.on_time, closed.held) == (MINUTE - 1, None, MINUTE)
        again = panes.save()
        assert (again.pane_ms, again.open, again.kept, again.closed) == (60_000, {}, (), MINUTE - 1)
        assert PanesOfAnyLength(OTHER, again, OTHER.columns).push(said(start + 2, start=start + 1)) == [
            ReplayPlan(panes=(), order=2)
        ]


def test_a_shard_that_nothing_came_to_has_nothing_to_leave() -> None:
    panes = PanesOfAnyLength(OTHER, Panes(RULES).save(), RULES.columns)
    assert kinds(panes.push(said(ANCHOR_MS))) == ["ReplayPlan"]
    assert panes.save().pane_ms == 60_000


def test_what_comes_for_the_time_before_is_late() -> None:
    panes, start = PanesOfAnyLength(OTHER, saved(), RULES.columns), (PANE + 1) * PANE_MS + 5_000
    panes.push(said(start + 1, MINUTE - 1, MINUTE, start=start, pane_ms=60_000))
    (closed,) = panes.push(said((MINUTE + 1) * 60_000 + 5_000, start=start + 1))
    assert isinstance(closed, Closed)
    assert closed.pane == MINUTE
    assert closed.late is not None
    assert {*closed.late.pane.tolist()} == {MINUTE - 1}
    assert closed.on_time is not None
    assert {*closed.on_time.pane.tolist()} == {MINUTE}


def test_a_slot_tells_of_a_pane_of_before_and_takes_the_next_whatever_its_number() -> None:
    part = partial_of([])
    slot = PaneStore(None)
    slot.push(Closed(pane=PANE, on_time=part))
    held = held_now(slot.held, OTHER, RULES.columns)
    assert held_now(held, OTHER, OTHER.columns) == held
    assert held_now(held, OTHER, None) == held
    slot = PaneStore(held)
    told = slot.push(ReplayRequest(pane=PANE))
    assert isinstance(told, PaneReplay)
    assert unpack(told.on_time).rows == part.rows
    slot.push(Closed(pane=MINUTE, on_time=part))
    assert slot.held is not None
    assert slot.held[0] == MINUTE < PANE


def test_windows_leave_what_was_not_stored_yet_and_begin_anew() -> None:
    progress = WindowProgress(order=2, pane=PANE + 1, unstored=PANE + 1)
    windows = RecalledWindows(OTHER, (0.5,), progress, RULES.columns)
    assert windows.reached.pane_ms == PANE_MS
    windows = RecalledWindows(OTHER, (0.5,), windows.reached, OTHER.columns)
    part = partial_of([])
    assert not list(windows.push(ReplayPlan(panes=(PANE, PANE + 1), order=2)))
    for pane in (PANE, PANE + 1):
        assert not list(windows.push(PaneReplay(pane=pane, on_time=pack(part))))
    (moved,) = windows.push(Closed(pane=MINUTE - 1, order=2, held=MINUTE))
    assert [(left.pane, left.pane_ms, left.counted) for left in moved.left] == [(PANE + 1, PANE_MS, True)]
    assert plain(moved.left[0].on_time) == plain(part)  # type: ignore[arg-type]
    assert (moved.windows, windows.reached.pane, windows.reached.pane_ms) == ((), MINUTE - 1, 60_000)
