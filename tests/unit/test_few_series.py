"""Panes of few series: what is left out of adding them up changes nothing of what they come to."""

from collections import Counter
from contextlib import nullcontext

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.rules.threshold_state import FIELDS, ThresholdLimits, compare, count_time, stays, threshold_words
from operators.window.hop import roll_up
from operators.window.leaf_index import LeafIndex, LeafSeries
from operators.window.merging import merge
from operators.window.outcomes import outcomes_of
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.rolled_hops import EndedHop, rolled_hops
from operators.window.series_index import NOWHERE, Rollup, SeriesIndex, rollup
from operators.window.splitting import take
from operators.window.watermark import END
from operators.window.windows import Windows
from tests.fast_kernels import without
from tests.laws.partials import RULES, events, partial_of


def added_up(part: Partial) -> tuple[SeriesIndex, Rollup]:
    slots = SeriesIndex(RULES.dimensions, RULES.grains)
    return slots, rollup(slots.parents(part.series)[part.which])


@pytest.mark.parametrize("way", [nullcontext, without])
@pytest.mark.parametrize("parents", [[2, 0, 1], [NOWHERE, 7, 3], [5, 5, 1], [NOWHERE, NOWHERE]])
def test_a_single_row_counts_into_the_slots_that_it_does_among_others(parents: list[int], way: type) -> None:
    with way():
        beside_nothing = np.array([parents, [NOWHERE] * len(parents)])
        assert [each.tolist() for each in rollup(np.array([parents]))] == [
            each.tolist() for each in rollup(beside_nothing)
        ]


def test_the_way_up_of_a_series_alone_is_known_until_its_number_or_its_slots_are_others() -> None:
    slots, numbers = SeriesIndex(("region",), ((), (0,))), LeafIndex()
    names = [LeafSeries("m", version, (region,)) for version in ("v1", "v2") for region in ("eu", "us")]
    one, asked = np.zeros(1, np.int64), []
    for leaves in (numbers, numbers, LeafIndex(), numbers):
        for name in names if leaves is numbers else names[::-1]:
            series = leaves.numbered([name])
            found, sums = slots.rollup_of(series, one)
            assert found.tolist() == slots.parents(series).tolist()
            assert [each.tolist() for each in sums] == [each.tolist() for each in rollup(found)]
            asked.append(sums)
    assert [asked[at] is asked[at + 4] for at in range(4)] == [True] * 4
    slots.take(slots.names[::-1])
    assert slots.rollup_of(numbers.numbered(names[:1]), one)[0].tolist() == [[5, 4]]


@given(st.lists(events, min_size=1, max_size=20))
def test_a_series_alone_comes_to_what_it_does_among_others(items: list[dict[str, object]]) -> None:
    """One row, which falls together with none, and twice with itself: twice the sums and the cells."""
    both = merge([partial_of([item | {"lag_ms": 0, "version": "v1", "region": "eu"} for item in items])])
    part = take(both, both.rows - 1, both.rows)
    assert part.rows == 1
    _, sums = added_up(part)
    source = np.concatenate((sums.source, sums.source))  # Each row twice: now some fall together.
    twice = Rollup(sums.slots, np.arange(len(sums.slots)) * 2, np.sort(source))
    for way in (nullcontext, without):
        with way():
            alone, doubled = roll_up(part, sums).counts, roll_up(part, twice).counts
        assert alone.cells[:, 0].tolist() == doubled.cells[:, 0].tolist()
        assert (2 * alone.cells[:, 1]).tolist() == doubled.cells[:, 1].tolist()
        for name in ("events", "slis", "sums"):
            one, other = getattr(alone, name), getattr(doubled, name)
            assert (2 * one == other).all(), name
            assert one.dtype == other.dtype, name


@given(st.lists(events, min_size=1, max_size=30))
def test_outcomes_are_those_of_each_request(items: list[dict[str, object]]) -> None:
    part = merge([partial_of([item | {"lag_ms": 0} for item in items])])
    slots = SeriesIndex(RULES.dimensions, RULES.grains)
    (found,) = outcomes_of(rolled_hops([EndedHop(0, [part], whole=False)], [part], slots), slots)
    requests: Counter[int] = Counter()
    errors: Counter[tuple[int, str]] = Counter()
    coarse = [place for place, grain in enumerate(slots.grains) if len(grain) <= 1]
    for row, code, n in part.outcomes.tolist():
        for slot in slots.parents(part.series)[part.which[row], coarse].tolist():
            requests[slot] += n
            errors[slot, part.error_types[code]] += n
    assert [name[:3] for name in found.names] == [slots.names[slot][:3] for slot in sorted(requests)]
    assert found.requests.tolist() == [requests[slot] for slot in sorted(requests)]
    assert [dict(each) for each in found.errors] == [
        {error: errors[slot, error] for of, error in sorted(errors) if of == slot and error}
        for slot in sorted(requests)
    ]


def test_a_tumbling_window_is_over_with_its_hop() -> None:
    """Nothing is left of it that a quiet pane would have to take away."""
    tumbling = tuple(window for window in RULES.windows if window.kind == "tumbling")
    windows = Windows(msgspec.structs.replace(RULES, windows=tumbling, stored_ms=RULES.pane_ms), (0.5,))
    part = partial_of([])
    closed = windows.numbered(Closed(pane=int(part.pane[0]), on_time=part))
    longest = max(window.size_ms // RULES.pane_ms for window in tumbling)
    ended = [*windows.push(closed), *windows.push(Closed(pane=(closed.pane // longest + 1) * longest - 1))]
    assert {counts.window for counts in ended} == {*tumbling}
    assert set(windows._next_ends()) == {END}


@pytest.mark.parametrize("rules", [0, 3])
def test_a_rule_stays_as_it_is_where_going_through_an_empty_pane_says_so(rules: int) -> None:
    """Series below or not, BAD or not, with few and with many events: as an empty pane, gone through, would have it."""
    rng = np.random.default_rng(4)
    kinds = [("word", "i1"), *FIELDS]
    seen = set()
    for _ in range(300):
        slots = int(rng.integers(1, 4))
        kept = np.zeros((rules, slots) if rules else slots, kinds)
        limits = ThresholdLimits(0.9, 0.99, 1, 44, int(rng.integers(1, 3)))
        totals = rng.integers(0, [120, 9], (slots, 2)) * rng.integers(0, 2, (slots, 1))
        kept["word"], kept["run"] = rng.integers(0, 3, kept.shape), rng.integers(0, 3, kept.shape) * rng.integers(0, 2)
        kept["after"] = rng.integers(0, 90, (*kept.shape, 2))
        kept["below"], kept["well"] = compare(np.arange(slots), totals, limits)
        kept["word"] = threshold_words(kept, totals, limits)
        after = kept.copy()
        count_time(after, totals, limits, 7)
        after["word"] = threshold_words(after, totals, limits)
        same = np.atleast_1d([(after[name] == kept[name]).all() for name in ("word", "run")]).all()
        stay = bool(stays(kept, totals, limits).all())
        seen.add(stay)
        assert same or not stay
    assert seen == {True, False}
