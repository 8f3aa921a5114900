"""Histograms of panes and slices, added up by compiled kernels, are those that NumPy adds up, bit by bit."""

from collections import Counter
from contextlib import nullcontext
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.fast import loading, quantiles
from operators.stats.histogram import CODE_BITS, CODE_MAX, CODE_MIN
from operators.window.cell_quantiles import cell_quantiles
from operators.window.held_hop import pack_hop
from operators.window.hop import HopCounts
from operators.window.merging import in_groups, merge
from operators.window.paged import PagedHistograms
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.series_index import rollup
from operators.window.windows import Windows
from tests.fast_kernels import kernels, without
from tests.laws.partials import ANCHOR_MS, PANE_MS, RULES, partial_of

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")


def sparse(random: np.random.Generator, rows: int, width: int, count: int) -> Ints:
    keys = np.unique(random.integers(0, rows * width, count))
    return np.column_stack((keys, random.integers(1, 1 << 40, len(keys))))


@pytest.mark.parametrize("width", [1, 5, 64, 4_096, 20_480])
def test_rows_that_fall_together(width: int) -> None:
    """Rows in any order, some several times, some not at all; some without any counts."""
    random = np.random.default_rng(width)
    kernels = loading.kernels()
    for rows, count in ((1, 3), (40, 900), (300, 200), (7, 0)):
        counted = sparse(random, rows, width, count)
        source = random.integers(0, rows, 2 * rows)
        group = np.sort(random.integers(0, rows, len(source)))
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        found = kernels.added_rows(counted, rows, source, starts, width)
        wanted: Counter[int] = Counter()
        numbers = np.cumsum(np.diff(group, prepend=-1) > 0) - 1
        for number, row in zip(numbers.tolist(), source.tolist(), strict=True):
            for key, n in counted[counted[:, 0] // width == row].tolist():
                wanted[number * width + key % width] += n
        assert found.tolist() == [list(cell) for cell in sorted(wanted.items())]


def item(random: Random, name: str, versions: int) -> dict[str, Any]:
    return {
        "lag_ms": 0,
        "request_id": name,
        "error_type": None,
        "score": random.choice([None, -3.5, 0.0, 2.5]),
        "latency_ms": random.lognormvariate(4, 3),
        "region": random.choice(["eu", "us", ""]),
        "version": f"v{random.randrange(versions)}",
    }


def made(random: Random, panes: int, versions: int = 2) -> list[Partial]:
    """Return panes in which not all series are, with negative, zero and absent values."""
    return [
        partial_of(
            [item(random, f"{pane}-{at}", versions) for at in range(random.choice([1, 40, 90]))],
            ANCHOR_MS + pane * PANE_MS,
        )
        for pane in range(panes)
    ]


def test_merged_panes() -> None:
    random = Random(9)
    for _ in range(4):
        parts = made(random, random.randrange(1, 6))
        same = [msgspec.structs.replace(part, pane=np.zeros_like(part.pane)) for part in parts]
        found = merge(same)
        with without():
            assert packed(found) == packed(merge(same))


def packed(part: Partial) -> list[bytes]:
    return [getattr(part, name).tobytes() for name in ("which", "events", "slis", "sums", "extremes", "cells")]


def test_windows_that_come_and_go() -> None:
    """Rolled up, packed, added and taken away: all that windows hold."""
    random = Random(10)
    parts = made(random, 13, versions=6)
    windows = []
    for switched in (nullcontext, without):
        with switched():
            moved, held = Windows(RULES, (0.0, 0.5, 0.99, 1.0)), []
            for part in parts:
                closed = moved.numbered(Closed(pane=int(part.pane[0]), on_time=part))
                held += [(each.names, each.sums.tobytes(), each.quantiles.tobytes()) for each in moved.push(closed)]
            windows.append(held)
    assert len(windows[0]) > 8
    assert windows[0] == windows[1]


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_pages(kind: type) -> None:
    """What is put in with kernels is taken away without, and the other way round; also of wide counts."""
    random = np.random.default_rng(11)
    for first, second in ((nullcontext, without), (without, nullcontext)):
        held = PagedHistograms(3)
        slots, measures, codes, counts = (
            random.integers(low, high, 400) for low, high in ((0, 60), (0, 3), (CODE_MIN, CODE_MAX + 1), (1, 9))
        )
        if kind is np.int64:
            counts <<= 40
        with first():
            held.add(slots, measures, codes, counts)
        assert held.pages.dtype == kind
        assert held.pages.sum() == counts.sum()
        with second():
            quantiles = held.quantiles(np.arange(60), 3, (0.1, 0.5, 0.9))
            held.add(slots, measures, codes, counts, -1)
        assert np.isfinite(quantiles).any()
        assert not held.pages.any()


def test_ranks() -> None:
    """Quantiles, and values by their ranks, are the same to the last bit; also of slots with few values or none."""
    random = np.random.default_rng(5)
    for many in (1, 3, 40, 2_000):
        held = PagedHistograms(3)
        slots, measures = random.integers(0, 60, many), random.integers(0, 3, many)
        codes = random.integers(CODE_MIN, CODE_MAX + 1, many) // random.choice([1, 900], many)
        held.add(slots, measures, codes, random.integers(1, 9, many))
        found = []
        for way in (nullcontext, without):
            with way():
                told = held.quantiles(np.arange(61), 3, (0.0, 0.5, 0.9, 0.95, 0.99, 1.0))
                n = np.bincount(slots[measures == 1], minlength=61)
                ranks = held.ranked(np.arange(61), 1, np.column_stack((n // 2, np.maximum(n - 1, 0))))
                assert np.isnan(ranks).tolist() == np.column_stack((n == 0, n == 0)).tolist()
                found.append((told.tobytes(), ranks.tobytes()))
        assert found[0] == found[1]
    for kernel in (quantiles.find_ranks, quantiles.find_quantiles, quantiles.find_cell_quantiles):
        compiled: Any = kernel
        assert len(compiled.signatures) == 1, "none is compiled while events wait"


@pytest.mark.parametrize("many", [0, 1, 3, 40, 2_000])
def test_quantiles_of_cells(many: int) -> None:
    """Straight from the cells of a hop, of all rows and of some: what its pages come to, to the last bit."""
    random = np.random.default_rng(many)
    keys = np.unique(random.integers(0, 60 * 3, many) << CODE_BITS | random.integers(0, 99, many))
    cells = np.column_stack((keys, random.integers(1, 9, len(keys))))
    slis, sums = (np.zeros((61, kinds, 3), np.int64) for kinds in (2, 3))
    hop = HopCounts(slots=np.arange(61) * 2, events=slis[:, 0, 0], slis=slis, sums=sums, cells=cells)
    held = PagedHistograms(3)
    held.add_cells(cells, hop.slots)
    for rows in (np.arange(61), np.arange(0, 61, 7), np.zeros(0, np.int64)):
        wanted = held.quantiles(hop.slots[rows], 3, (0.0, 0.5, 0.9, 0.95, 1.0)).tobytes()
        for way in (nullcontext, without):
            with way():
                assert cell_quantiles(hop, rows, (0.0, 0.5, 0.9, 0.95, 1.0)).tobytes() == wanted


def test_ranks_of_slots_without_values() -> None:
    """Before, such a slot had the value of a bucket of another measure, or what stood behind the table in memory."""
    for way in (nullcontext, without):
        with way():
            held = PagedHistograms(3)
            assert np.isnan(held.ranked(np.arange(4), 2, np.zeros((4, 1), np.int64))).all(), "there are no columns"
            one = np.ones(1, np.int64)
            held.add(one, one, one * 70, one * 5)
            every = np.arange(900)  # Beyond the table, too.
            found = held.ranked(every, 1, np.zeros((900, 1), np.int64))
            assert np.flatnonzero(~np.isnan(found)).tolist() == [1]
            assert np.isnan(held.ranked(every, 2, np.zeros((900, 1), np.int64))).all()
            too_large = held.ranked(one, 1, one[:, None] * 1_000)
            assert too_large == held.ranked(one, 1, one[:, None] * 4)


def test_rows_are_grouped_by_slot() -> None:
    """Slots, where each begins, and which rows it has; some rows of no slot in some grain."""
    random = np.random.default_rng(6)
    for rows, grains, slots in ((1, 1, 1), (40, 4, 9), (3, 5, 4_000), (900, 4, 900)):
        parents = random.integers(-1, slots, (rows, grains))
        found = [each.tolist() for each in rollup(parents)]
        with without():
            assert found == [each.tolist() for each in rollup(parents)]


@pytest.mark.parametrize("many", [1, 300])
@pytest.mark.parametrize(("slis", "measures"), [(2, 3), (0, 1), (1, 0)])
def test_hops_as_bytes(many: int, slis: int, measures: int) -> None:
    """Counts of any size and sign, cells of one and of many: the same bytes, read by either as they were."""
    random = np.random.default_rng(7)
    counts = [random.integers(-(1 << 62), 1 << 62, (many, kinds, 3)) for kinds in (slis, measures)]
    slis_of, sums = (each >> random.integers(0, 62, each.shape) for each in counts)
    n = random.integers(1, 1 << 62, many) >> random.integers(0, 62, many)
    cells = np.column_stack((np.cumsum(random.integers(0, 1 << 20, many)), np.maximum(n, 1)))
    hop = HopCounts(slots=np.arange(many), events=np.arange(many), slis=slis_of, sums=sums, cells=cells)
    packed, (read,) = pack_hop(hop), pack_hop(hop).counts()
    with without():
        assert pack_hop(hop).parts == packed.parts
        (again,) = packed.counts()
    for found in (read, again):
        for name in HopCounts.__struct_fields__:
            wanted = getattr(hop, name)
            assert getattr(found, name).shape == wanted.shape
            assert getattr(found, name).tolist() == wanted.tolist()


@pytest.mark.parametrize("columns", [(), (3,), (5, 3), (0, 5)])
def test_rows_that_are_merged(columns: tuple[int, ...]) -> None:
    """Sums that overflow, extremes of nothing and zeros of either sign come to the same; also of no rows."""
    random = np.random.default_rng(len(columns))
    for rows in (0, 1, 700):
        order, group = random.permutation(rows), np.sort(random.integers(0, max(rows // 3, 1), rows))
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        counts = random.integers(-(1 << 63), 1 << 63, (rows, *columns))
        extremes = random.choice([-np.inf, -1.5, -0.0, 0.0, 2.5], (rows, *columns))
        for values, highest in ((counts, False), (extremes, True)):
            found = in_groups(values, order, starts, highest=highest)
            with without():
                wanted = in_groups(values, order, starts, highest=highest)
            assert (found.dtype, found.shape, found.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())
