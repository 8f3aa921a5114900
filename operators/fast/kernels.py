"""All that the house uses of this room, once it is known to be compiled."""

import numpy as np

from operators.fast.counting import first_rows, histogram_buckets, line_ends, measured_groups, ranked_windows
from operators.fast.remembering import find_ids, remember_ids
from operators.fast.scanner import EventScanner, Wanted, can_scan

__all__ = [
    "EventScanner",
    "Wanted",
    "can_scan",
    "find_ids",
    "first_rows",
    "histogram_buckets",
    "line_ends",
    "measured_groups",
    "ranked_windows",
    "remember_ids",
    "warm_up",
]


def warm_up() -> None:
    """Call every kernel once: what that does not have compiled may not be called later."""
    scanner = EventScanner(Wanted(("region",), ("latency_ms",), True, {}))
    columns = scanner.begin(1)
    scanner.scan_values([b"{}"], columns, 2)
    first_rows(columns.codes[0], columns.sure, 1)
    line_ends(b"")
    numbers, some = np.arange(3), np.zeros(1, np.int64)
    ranked_windows(numbers, 2, 0)
    pairs, shift = np.zeros(8, np.int64), np.uint64(62)
    remember_ids(pairs, shift, some + 1, some, some.copy())
    find_ids(pairs, shift, some + 1, some.copy())
    buckets = histogram_buckets(np.array([1.0, 2.0]), 1.0, 2.0, (0, 2, 4, 0))
    measured_groups([np.ones(1)], [1.0], some, some, 3, buckets)
