"""Merging partials is adding all their events, in any order and grouping; nothing that is merged changes."""

import pickle
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.arrays import order_by, runs_of
from operators.window.merging import merge as merge_parts
from operators.window.offenders import OFFENDERS_MAX
from operators.window.packing import pack, unpack
from operators.window.splitting import take
from operators.window.sums import number_keys, split_limbs, sum_by_key
from tests.fast_kernels import both_ways
from tests.laws.partials import events, message, partial_of, plain

__all__ = ["both_ways"]

Lists = list[list[dict[str, Any]]]
lists = st.lists(st.lists(events, max_size=8), min_size=1, max_size=5)
anchor = {"lag_ms": 0, "version": "v1", "region": "", "error_type": None, "latency_ms": None, "score": None}
NOTHING: dict[str, dict[Any, Any]] = {"rows": {}, "outcomes": {}, "cells": {}, "features": {}, "offenders": {}}


@given(lists)
def test_merging_is_adding_all(parts: Lists) -> None:
    """Each part holds one anchor event of its own beside its list."""
    together = [event for part in parts for event in part]
    anchors = [anchor | {"region": ""} for _ in parts[1:]]
    whole = plain(partial_of([*anchors, *together]))
    assert plain(merge_parts([partial_of(part) for part in parts])) == whole


@given(lists, st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_order_or_grouping(parts: Lists, random: Any) -> None:
    partials = [partial_of(part) for part in parts]
    whole = plain(merge_parts(partials))
    random.shuffle(partials)
    assert plain(merge_parts(partials)) == whole
    while len(partials) > 1:
        first = random.randrange(len(partials) - 1)
        partials[first : first + 2] = [merge_parts(partials[first : first + 2])]
    assert plain(partials[0]) == whole


@given(lists)
def test_merging_leaves_its_arguments_as_they_were(parts: Lists) -> None:
    partials = [partial_of(part) for part in parts]
    before = pickle.dumps(partials)
    merge_parts(partials, {name: name._replace(version="__other__") for part in partials for name in part.series})
    assert pickle.dumps(partials) == before


@given(st.lists(events, max_size=8))
def test_one_part_and_an_empty_part_change_nothing(part: list[dict[str, Any]]) -> None:
    partial = partial_of(part)
    assert plain(merge_parts([partial])) == plain(partial)
    empty = take(partial, 0, 0)
    assert empty.rows == 0
    assert plain(merge_parts([empty, partial, empty])) == plain(partial)
    assert plain(merge_parts([empty])) == plain(empty) == NOTHING


@given(st.lists(events, max_size=12), st.data())
def test_taking_rows_apart_loses_nothing(part: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = partial_of(part)
    cuts = sorted(data.draw(st.lists(st.integers(0, whole.rows), max_size=3)))
    pieces = [take(whole, *pair) for pair in zip([0, *cuts], [*cuts, whole.rows], strict=True)]
    united: dict[str, dict[Any, Any]] = {name: {} for name in NOTHING}
    for piece in pieces:
        for name, content in plain(piece).items():
            assert not united[name].keys() & content.keys()
            united[name] |= content
    assert united == plain(whole)


@given(st.lists(events, max_size=12))
def test_packing_gives_back_what_was_packed(part: list[dict[str, Any]]) -> None:
    whole = partial_of(part)
    for partial in (whole, take(whole, 0, 0), take(whole, 1, whole.rows)):
        again = unpack(pack(partial))
        assert plain(again) == plain(partial)
        assert pickle.dumps(again.moments) == pickle.dumps(np.ascontiguousarray(partial.moments))
        assert again.bins == partial.bins


@given(lists)
def test_renaming_keeps_the_first_offenders_of_the_new_names(parts: Lists) -> None:
    """Versions past a limit are counted together, and so are their offenders."""
    partials = [partial_of(part) for part in parts]
    together = [event | {"version": "v1"} for part in parts for event in part]
    whole = partial_of([*([anchor] * (len(parts) - 1)), *together])
    rename = {name: name._replace(version="__other__") for partial in (whole, *partials) for name in partial.series}
    renamed = merge_parts(partials, rename)
    assert plain(renamed) == plain(merge_parts([whole], rename))
    groups = [(offender.watched, offender.why, renamed.pane[row]) for row, offender in renamed.offenders]
    assert max(Counter(groups).values(), default=0) <= 2 * OFFENDERS_MAX, "on time and late"


@given(st.lists(st.integers(-(2**62), 2**62), max_size=50))
def test_limbs_add_up_to_what_python_says(values: list[int]) -> None:
    high, low = split_limbs(np.array(values, np.int64))
    assert all(0 <= limb < 2**31 for limb in low.tolist())
    assert (int(high.sum()) << 31) + int(low.sum()) == sum(values)


@given(st.lists(st.tuples(st.integers(-(2**61), 2**61), st.integers(-3, 3), st.integers(0, 2**40)), max_size=60))
def test_ordering_by_digits_is_sorting(rows: list[tuple[int, int, int]]) -> None:
    columns = [np.array([row[index] for row in rows], np.int64) for index in range(3)]
    order = order_by(*columns).tolist()
    assert order == sorted(range(len(rows)), key=lambda row: rows[row]), "stable, the first column foremost"
    ordered = [np.array([rows[row][index] for row in order], np.int64) for index in range(3)]
    changes = runs_of(*ordered).tolist()
    assert sum(changes) == len(set(rows))


@given(st.lists(st.tuples(st.integers(0, 50) | st.integers(0, 2**60), st.integers(1, 2**40)), max_size=60))
def test_sums_by_key_are_those_of_a_dictionary(pairs: list[tuple[int, int]]) -> None:
    """Keys close together are counted in another way than keys far apart."""
    wanted: dict[int, int] = {}
    for key, count in pairs:
        wanted[key] = wanted.get(key, 0) + count
    keys, sums = sum_by_key(np.array([key for key, _ in pairs], np.int64), np.array([n for _, n in pairs], np.int64))
    assert keys.tolist() == sorted(wanted)
    assert dict(zip(keys.tolist(), sums.tolist(), strict=True)) == wanted
    distinct, numbers = number_keys(np.array([key for key, _ in pairs], np.int64))
    assert distinct.tolist() == sorted(wanted)
    assert distinct[numbers].tolist() == [key for key, _ in pairs]


def test_an_anchor_alone_is_one_event() -> None:
    """What the tests above add to each part."""
    assert message(1).startswith(b'{"request_id"')
    (row,) = plain(partial_of([]))["rows"].values()
    assert row[0] == 1
