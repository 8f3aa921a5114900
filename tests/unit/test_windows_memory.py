"""What windows hold a series (`python -m tests.bench.memory` at full length), and that nothing is lost by it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.window.held_hop import pack_hop
from operators.window.hop import HopCounts, roll_up
from operators.window.paged import INT32_MAX, PagedHistograms
from operators.window.partial import merge
from operators.window.series_index import SeriesIndex, rollup
from tests.bench.loads import Load
from tests.bench.memory import FULL, bytes_a_series
from tests.laws.partials import RULES, events, partial_of


def test_full_rings_hold_little_a_series() -> None:
    """Once 341 KiB, at a series of ten events a pane and five measures."""
    found, series = bytes_a_series(Load(series=200, per_second=200, seconds=70), FULL)
    assert series >= 100
    assert found < 64 * 1024


@given(st.lists(events, max_size=20))
def test_a_hop_that_is_packed_comes_back_to_the_last_bit(items: list[dict[str, object]]) -> None:
    slots = SeriesIndex(RULES.dimensions, RULES.grains)
    part = merge([partial_of([item | {"lag_ms": 0} for item in items])])
    hop = roll_up(part, rollup(slots.parents(part.series)[part.which])).counts
    again = pack_hop(hop).hop()
    for name in HopCounts.__struct_fields__:
        one, other = getattr(hop, name), getattr(again, name)
        assert one.dtype == other.dtype, name
        assert one.shape == other.shape, name
        assert one.tobytes() == other.tobytes(), name


def test_a_bucket_may_hold_more_than_32_bits() -> None:
    held = PagedHistograms(1)
    one = np.zeros(1, np.int64)
    for count in (INT32_MAX, 5, 2**40, -(2**40)):
        held.add(one, one, one + 100, np.array([count]))
    assert held.pages.sum() == INT32_MAX + 5
    held.add(one, one, one + 200, np.array([1]))
    low, high = held.quantiles(one, 1, (0.0, 1.0))[0, 0].tolist()
    assert low < high
    assert held.ranked(one, 0, np.array([INT32_MAX + 5])).tolist() == [high]


def test_many_hops_of_few_events_stay_in_32_bits() -> None:
    held = PagedHistograms(1)
    one = np.zeros(1, np.int64)
    for _ in range(5):
        held.add(one, one, one + 100, np.array([INT32_MAX // 2]))
        held.add(one, one, one + 100, np.array([-(INT32_MAX // 2)]))
    assert held.pages.dtype == np.int32
    assert not held.pages.any()
