"""What windows hold a series (`python -m tests.bench.memory` at full length), and that nothing is lost by it."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.stats.histogram import CODE_BITS
from operators.window import held_hop, hops, ring_quantiles, sliding
from operators.window import windows as windows_module
from operators.window.held_hop import PackedHop, pack_hop
from operators.window.hop import HopCounts, cells_of, roll_up
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.paged import INT32_MAX, PagedHistograms
from operators.window.pane_items import Closed, ReplayPlan
from operators.window.partial import N, Partial, cell_rows, unwatched
from operators.window.recall import PaneReplay, RecalledWindows, WindowProgress
from operators.window.series_index import SeriesIndex, rollup
from operators.window.sliding import WindowCounts
from operators.window.splitting import take
from operators.window.tumbling import TumblingWindow
from operators.window.windows import Windows
from tests.bench.loads import Load, policy_of
from tests.bench.memory import FULL, bytes_a_series, panes_of
from tests.laws.partials import RULES, events, partial_of


def test_full_rings_hold_little_a_series() -> None:
    """Once 341 KiB, at a series of ten events a pane and five measures."""
    found, series = bytes_a_series(Load(series=200, per_second=200, seconds=70), FULL)
    assert series >= 100
    assert found < 64 * 1024


def test_a_restart_holds_little_more_than_what_it_rebuilds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacked, panes are many times their windows: all at once, the worker would not come back where it ran before."""
    monkeypatch.setattr(hops, "ROWS_MAX", 0)  # Each pane by itself, as with thousands of series.
    load = Load(series=200, per_second=400, seconds=70)
    policy, first, count = policy_of(load), 1_000, 120
    packed = [pack(unwatched(part)) for part in panes_of(load, policy)]
    progress = WindowProgress(order=count, pane=first + count - 1, unstored=first + count)
    again = RecalledWindows(policy, tuple(QUANTILES.values()), progress)
    plan = ReplayPlan(panes=tuple(range(first, first + count)), order=count)
    tracemalloc.start()
    answers = [PaneReplay(pane=pane, on_time=of_pane(packed, pane)) for pane in plan.panes]
    assert not list(again.push_all([plan, *answers]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < count * unpacked_bytes(packed[0]) / 2


def unpacked_bytes(packed: bytes) -> int:
    """What the arrays of a pane hold."""
    arrays = [each for each in msgspec.structs.astuple(unpack(packed)) if isinstance(each, np.ndarray)]
    return sum(each.nbytes for each in arrays)


def of_pane(packed: Sequence[bytes], pane: int) -> bytes:
    """One of some packed panes in turn, as that of a number."""
    part = unpack(packed[pane % len(packed)])
    return pack(msgspec.structs.replace(part, pane=np.full(part.rows, pane)))


@pytest.mark.parametrize("end", [False, True])
def test_a_tumbling_window_works_out_what_is_looked_at_alone(end: bool) -> None:
    """Of most series nobody asks for quantiles by the minute; at the end of the files of all. No pages are held."""
    load = Load(series=200, per_second=200, seconds=70)
    policy = policy_of(load)
    windows = Windows(policy, tuple(QUANTILES.values()))
    part = panes_of(load, policy)[-1]
    found = []
    for pane in range(12, 17 if end else 18):
        on_time = msgspec.structs.replace(part, pane=np.full(part.rows, pane))
        closed = Closed(pane=pane, on_time=on_time, end=end and pane == 16)
        found += [each for each in windows.push(windows.numbered(closed)) if each.window.kind == "tumbling"]
    (ended,) = found
    (running,) = [each for step in windows.steps for each in step.windows if isinstance(each, TumblingWindow)]
    assert ended.stored is not None
    looked_at = np.isin(np.arange(len(ended.names)), ended.stored)
    assert looked_at.all() == end
    assert (~np.isnan(ended.quantiles[:, :, 0]) == (ended.sums[:, :, N] > 0) & looked_at[:, None]).all()
    assert not running.histograms.table.any()


@given(st.lists(events, min_size=1, max_size=20), st.data())
def test_cells_of_some_rows(items: list[dict[str, object]], data: st.DataObject) -> None:
    slots = SeriesIndex(RULES.dimensions, RULES.grains)
    part = merge([partial_of([item | {"lag_ms": 0} for item in items])])
    hop = roll_up(part, rollup(slots.parents(part.series)[part.which])).counts
    some = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(hop.slots)))))), np.int64)
    rows = cell_rows(hop.cells)[0] // hop.sums.shape[1]
    assert cells_of(hop, some).tolist() == hop.cells[np.isin(rows, some)].tolist()


@given(st.lists(events, max_size=20))
def test_a_hop_that_is_packed_comes_back_to_the_last_bit(items: list[dict[str, object]]) -> None:
    slots = SeriesIndex(RULES.dimensions, RULES.grains)
    part = merge([partial_of([item | {"lag_ms": 0} for item in items])])
    hop = roll_up(part, rollup(slots.parents(part.series)[part.which])).counts
    (again,) = pack_hop(hop).counts()
    for name in HopCounts.__struct_fields__:
        one, other = getattr(hop, name), getattr(again, name)
        assert one.dtype == other.dtype, name
        assert one.shape == other.shape, name
        assert one.tobytes() == other.tobytes(), name


def test_a_hop_of_many_slots_is_packed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    load = Load(series=200, per_second=200, seconds=30)
    policy = policy_of(load)
    part = panes_of(load, policy)[-1]
    slots = SeriesIndex(policy.dimensions, policy.grains)
    hop = roll_up(part, rollup(slots.parents(part.series)[part.which])).counts
    (whole,) = pack_hop(hop).counts()
    monkeypatch.setattr(held_hop, "SLOTS_TOGETHER", 16)
    packed, width = pack_hop(hop), hop.sums.shape[1] << CODE_BITS
    parts = list(packed.counts())
    assert len(parts) > 5
    assert [len(each.slots) for each in packed.counts(20, 40)] == [16, 16]
    for name in ("slots", "events", "slis", "sums"):
        assert np.concatenate([getattr(each, name) for each in parts]).tolist() == getattr(whole, name).tolist()
    cells, first = [], 0
    for each in parts:
        cells += [[first * width + key, n] for key, n in each.cells.tolist()]
        first += len(each.slots)
    assert cells == whole.cells.tolist()


def windows_ended(parts: list[Partial], policy: Policy, panes: int, left_out: range) -> list[WindowCounts]:
    """Return the windows of panes that come again and again; half of the series are left out of some."""
    windows, ended = Windows(policy, tuple(QUANTILES.values())), []
    for pane in range(panes):
        part = parts[pane % len(parts)]
        if pane in left_out:
            part = take(part, 0, part.rows // 2)
        on_time = msgspec.structs.replace(part, pane=np.full(part.rows, pane))
        closed = Closed(pane=pane, on_time=on_time, end=pane == panes - 1)
        ended += list(windows.push(windows.numbered(closed)))
        if pane in left_out[::20]:
            windows._make_room()
    return ended


def test_what_is_looked_at_seldom_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its histograms are held or made when they are asked, of some slots at a time, and after slots moved."""
    load = Load(series=40, per_second=40, seconds=70)
    policy = policy_of(load)
    parts = panes_of(load, policy)
    held = windows_ended(parts, policy, 500, range(380, 450))
    asked = []
    for module in (held_hop, ring_quantiles):
        monkeypatch.setattr(module, "SLOTS_TOGETHER", 8)
    monkeypatch.setattr(sliding, "HELD_MAX", 20)

    def noted(hops: Sequence[PackedHop], slots: Ints, *given: Any) -> Floats:
        asked.append(len(slots))
        return ring_quantiles.ring_quantiles(hops, slots, *given)

    monkeypatch.setattr(sliding, "ring_quantiles", noted)
    monkeypatch.setattr(windows_module, "SLOTS_MIN", 1)
    found = windows_ended(parts, policy, 500, range(380, 450))
    assert len(asked) > 5
    assert len(found) == len(held) > 500
    for one, other in zip(held, found, strict=True):
        assert (one.window, one.end_ms, list(one.names)) == (other.window, other.end_ms, list(other.names))
        for name in ("events", "slis", "sums", "extremes", "quantiles", "stored"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def test_a_bucket_may_hold_more_than_32_bits() -> None:
    held = PagedHistograms(1)
    one = np.zeros(1, np.int64)
    for count in (INT32_MAX, 5, 2**40, -(2**40)):
        held.add(one, one, one + 100, np.array([count]))
    assert held.pages.sum() == INT32_MAX + 5
    held.add(one, one, one + 200, np.array([1]))
    low, high = held.quantiles(one, 1, (0.0, 1.0))[0, 0].tolist()
    assert low < high
    assert held.ranked(one, 0, np.array([[INT32_MAX + 5]])).tolist() == [[high]]


def test_many_hops_of_few_events_stay_in_32_bits() -> None:
    held = PagedHistograms(1)
    one = np.zeros(1, np.int64)
    for _ in range(5):
        held.add(one, one, one + 100, np.array([INT32_MAX // 2]))
        held.add(one, one, one + 100, np.array([-(INT32_MAX // 2)]))
    assert held.pages.dtype == np.int32
    assert not held.pages.any()
