"""Extremes of a sliding window are those of its hops, whatever comes and goes, and whichever numbers slots have."""

import tracemalloc

import numpy as np
import pytest

from operators.arrays import Floats, Ints
from operators.window.sliding_extremes import FEW, SlidingExtremes

MEASURES = 2


@pytest.mark.parametrize("many", [FEW // 4, 2 * FEW])
def test_extremes_are_those_of_the_hops_held(many: int) -> None:
    """Also where there are so many slots that what a later hop exceeds is not kept."""
    random = np.random.default_rng(3)
    held = SlidingExtremes(MEASURES)
    hops: list[tuple[Ints, Floats]] = []
    for step in range(600):
        move = random.random()
        if move < 0.5 or not hops:
            slots = np.flatnonzero(random.random(many) < random.choice([0.2, 0.9]))
            slots = slots if len(slots) else np.array([many - 1])
            values = random.choice([-np.inf, 1.0, 2.0, 3.5, -4.0], (len(slots), MEASURES, 2))
            hops.append((slots, values))
            held.push(slots, values)
        elif move < 0.97:
            hops.pop(0)
            held.drop()
        elif step % 2:
            hops.clear()
            held.clear()
        else:
            kept = np.unique(np.concatenate([slots for slots, _ in hops]))
            new_slot = np.full(many, -1)
            new_slot[kept] = np.arange(len(kept))
            hops = [(new_slot[slots], values) for slots, values in hops]
            held.renumber(new_slot, kept)
        known = np.unique(np.concatenate([np.zeros(0, np.int64), *(slots for slots, _ in hops)]))
        wanted = np.full((many, MEASURES, 2), -np.inf)
        for slots, values in hops:
            wanted[slots] = np.maximum(wanted[slots], values)
        assert held.of(known).tolist() == wanted[known].tolist()


def test_what_later_hops_exceed_is_not_kept() -> None:
    random, slots = np.random.default_rng(5), np.arange(200)
    tracemalloc.start()
    held = SlidingExtremes(MEASURES)
    for _ in range(64):
        held.push(slots, random.random((len(slots), MEASURES, 2)))
    came, _ = tracemalloc.get_traced_memory()
    held.drop()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    whole = 64 * len(slots) * MEASURES * 2 * 8
    assert came < 0.65 * whole
    assert left < 0.3 * whole
