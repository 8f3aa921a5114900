"""All that other rooms use of this one, once it is known to be compiled."""

import numpy as np

from operators.fast.counting import (
    added_rows,
    first_rows,
    histogram_buckets,
    line_ends,
    measured_groups,
    ranked_windows,
)
from operators.fast.firsts import counted_classes, first_in_groups
from operators.fast.hops import (
    cell_quantiles_found,
    counted_slots,
    grouped_rows,
    highest_in_groups,
    hop_read,
    pages_touched,
    quantiles_found,
    ranks_found,
    summed_groups,
    written_hop,
)
from operators.fast.paging import PlacedCells, count_pages
from operators.fast.remembering import find_ids, remember_ids
from operators.fast.scanner import EventScanner, Wanted, can_scan, rows_for, rows_until, text_lines

__all__ = [
    "EventScanner",
    "PlacedCells",
    "Wanted",
    "added_rows",
    "can_scan",
    "cell_quantiles_found",
    "count_pages",
    "counted_classes",
    "counted_slots",
    "find_ids",
    "first_in_groups",
    "first_rows",
    "grouped_rows",
    "highest_in_groups",
    "histogram_buckets",
    "hop_read",
    "line_ends",
    "measured_groups",
    "pages_touched",
    "quantiles_found",
    "ranked_windows",
    "ranks_found",
    "remember_ids",
    "rows_for",
    "rows_until",
    "summed_groups",
    "text_lines",
    "warm_up",
    "written_hop",
]


def warm_up() -> None:
    """Call every kernel once, to compile it: anything not compiled by this must not be called later."""
    scanner = EventScanner(Wanted(("region",), ("latency_ms",), True, {}))
    columns, zero = scanner.begin(1, 1), np.zeros(1, np.int64)
    scanner.scan(text_lines(b"{}", zero, zero + 2), columns, 0, 0, 2)
    first_rows(columns.codes[0], columns.sure, 1)
    line_ends(b"")
    counted_classes(columns.times, columns.times, columns.times, 1)
    first_in_groups(columns.sure, columns.times, columns.times, columns.times.reshape(1, 1))
    numbers, some = np.arange(3), np.zeros(1, np.int64)
    ranked_windows(numbers, 2, 0)
    pairs, shift = np.zeros(8, np.int64), np.uint64(62)
    remember_ids(pairs, shift, some + 1, some, some.copy())
    find_ids(pairs, shift, some + 1, some.copy())
    buckets = histogram_buckets(np.array([1.0, 2.0]), 1.0, 2.0, (0, 2, 4, 0))
    measured_groups([np.ones(1)], [1.0], some, some, 3, buckets)
    added = added_rows(np.ones((1, 2), np.int64), 1, some, some, 2)
    cells = PlacedCells(added, some, 1, 1, 1)
    table = np.zeros((1, 1), np.int32)
    some_pages, pages = pages_touched(cells, 0, 1), np.zeros((2, 16), np.int32)
    count_pages(cells, 0, table, some_pages, pages, 1, 1)
    count_pages(cells, 0, table, some_pages, np.zeros((2, 16), np.int64), 1, 1)
    ends = np.arange(2)
    quantiles_found(pages, table, some, some, ends, np.zeros((1, 16)), (0.5,))
    cell_quantiles_found(added, some, 1, 1, np.zeros(2), (0.5,))
    ranks_found(pages, table, some, some, ends, some, np.zeros((1, 1), np.int64))
    slots, starts, source = grouped_rows(np.zeros((1, 1), np.int64))
    summed_groups(source, starts, slots)
    highest_in_groups(source, starts, np.zeros((1, 1)))
    counted_slots(slots, slots, slots.copy(), 1)
    counts = np.zeros((1, 1, 3), np.int64)
    hop_read(bytes(written_hop(slots, counts, counts, added)), 1, 1, 1, 1)
