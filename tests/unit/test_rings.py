"""Sliding sums against sums over all panes that the documented span covers."""

import numpy as np
import pytest

from operators.arrays import FEW
from operators.rules.rings import Ring, hop_panes
from tests.judged import pane
from tests.saving import of_bytes, saved


@pytest.mark.parametrize("panes", [1, 2, 7, 30, 61, 90, 130, 360, 8_640, 25_920])
def test_a_window_of_any_length_is_kept_in_few_hops(panes: int) -> None:
    hop = hop_panes(panes)
    assert -(-panes // 60) <= hop < 2 * -(-panes // 60)
    assert panes // hop <= 60
    assert panes % hop == 0 or panes == 61


@pytest.mark.parametrize("panes", [1, 30, 61, 130, 360])
def test_totals_are_the_sums_of_the_last_panes(panes: int) -> None:
    """They cover full hops and the one that runs: more than window - hop, where one divides it; at most the window."""
    random = np.random.default_rng(panes)
    ring, seen = Ring(panes, 0), []
    ring.grow(2)
    for number in range(5, 5 + 3 * panes):
        good, bad = int(random.integers(0, 4)), int(random.integers(0, 3))
        seen.append((number, good, bad))
        if good + bad:
            ring.push(pane(number, {1: (good, bad)}), np.array([1]), np.array([0]))
        else:
            ring.push(pane(number), np.zeros(0, int), np.zeros(0, int))
        first = (number // ring.hop_panes - panes // ring.hop_panes + 1) * ring.hop_panes
        span = number - first + 1
        assert panes - (1 if panes % ring.hop_panes == 0 else 2) * ring.hop_panes < span <= panes
        covered = [both for at, *both in seen if at >= first]
        assert ring.totals.tolist() == [[0, 0], np.sum(covered, axis=0).tolist()]


def test_totals_of_many_series_are_those_of_each() -> None:
    random, slots = np.random.default_rng(1), 3 * FEW
    every, each = Ring(60, 0), [Ring(60, 0) for _ in range(slots)]
    for ring, size in ((every, slots), *((ring, 1) for ring in each)):
        ring.grow(size)
    for number in range(100):
        here = np.flatnonzero(random.random(slots) < 0.8)
        came = {slot: (int(random.integers(0, 2**24)), int(random.integers(0, 2))) for slot in here.tolist()}
        every.push(pane(number, came), here, np.arange(len(here)))
        for slot, ring in enumerate(each):
            one = {0: came[slot]} if slot in came else {}
            ring.push(pane(number, one), np.zeros(len(one), int), np.zeros(len(one), int))
    assert every.totals.tolist() == [ring.totals[0].tolist() for ring in each]
    assert every.hops.tolist() == [ring.hops[0].tolist() for ring in each]


def test_a_gap_longer_than_the_window_empties_it() -> None:
    ring = Ring(30, 0)
    ring.grow(1)
    ring.push(pane(7, {0: (5, 1)}), np.array([0]), np.array([0]))
    assert not ring.quiet
    ring.push(pane(36), np.zeros(0, int), np.zeros(0, int))
    assert ring.totals.tolist() == [[5, 1]]
    ring.push(pane(37), np.zeros(0, int), np.zeros(0, int))
    assert ring.quiet
    ring.push(pane(10_000, {0: (1, 0)}), np.array([0]), np.array([0]))
    assert ring.totals.tolist() == [[1, 0]]


def test_what_is_saved_is_small_and_the_same() -> None:
    ring = Ring(360, 0)
    ring.grow(300)
    for number in range(360):
        ring.push(pane(number, {5: (250, 3), 77: (1, 0)}), np.array([5, 77]), np.array([0, 1]))
    data = saved(ring)
    assert len(data) < 2_000
    again = of_bytes(data)
    assert again.hops.tolist() == ring.hops.tolist()
    assert again.totals.tolist() == ring.totals.tolist()
    assert again.totals.dtype == np.int64


def test_slots_left_out_are_gone_and_the_others_move() -> None:
    ring = Ring(30, 0)
    ring.grow(3)
    ring.push(pane(0, {0: (1, 0), 2: (3, 4)}), np.array([0, 2]), np.array([0, 1]))
    ring.only(np.array([2]))
    assert ring.totals.tolist() == [[3, 4]]
    ring.grow(2)
    assert ring.totals.tolist() == [[3, 4], [0, 0]]


def test_a_hop_may_hold_more_than_32_bits() -> None:
    ring = Ring(30, 0)
    ring.grow(1)
    most = 2**31 - 1
    for number, good in enumerate((most, 1, 2**40)):
        assert ring.hops.dtype == (np.int64 if number > 1 else np.int32)
        ring.push(pane(number, {0: (good, 0)}), np.array([0]), np.array([0]))
        ring.push(pane(number, {0: (0, 1)}), np.array([0]), np.array([0]))
    assert ring.totals.tolist() == [[most + 1 + 2**40, 3]]
    assert of_bytes(saved(ring)).hops.tolist() == ring.hops.tolist()
    ring.push(pane(31), np.zeros(0, int), np.zeros(0, int))
    assert ring.totals.tolist() == [[2**40, 1]]


@pytest.mark.parametrize("panes", [1, 30, 61, 130])
def test_a_push_says_of_which_slots_the_sums_may_have_changed(panes: int) -> None:
    """Also of what was saved; and until the pane that it names nothing falls out."""
    random = np.random.default_rng(panes)
    ring = Ring(panes, 0)
    ring.grow(3)
    for number in np.cumsum(random.integers(1, 5, 400)).tolist():
        came = {slot: (int(random.integers(0, 2)), 1) for slot in range(3) if random.random() < 0.1}
        before, until = ring.totals.copy(), ring.still_until
        again: Ring = of_bytes(saved(ring))
        assert again.held == ring.held
        moved = ring.push(pane(number, came), np.array(sorted(came), np.int64), np.arange(len(came)))
        changed = np.flatnonzero((ring.totals != before).any(axis=1)).tolist()
        assert set(changed) <= {slot for some in moved for slot in some.tolist()}
        assert not (ring.totals < before).any() or until <= number
