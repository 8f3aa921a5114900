"""Ids with the number of the last item of each: open addressing, with the probe order of `ingest/duplicates.py`."""

import numpy as np

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.words import fetch_ahead

NONE = -1
SOON = 16  # Rows ahead of the current one whose place in the table is prefetched, as it is in no cache.


@inlined
def fetch_soon(pairs: Ints, row: int, ids: Ints, shift: np.uint64) -> None:
    if row + SOON < len(ids):
        fetch_ahead(pairs, np.int64(np.uint64(ids[row + SOON]) >> shift) * 2)


@inlined
def place_of_id(pairs: Ints, each: int, shift: np.uint64) -> int:
    """Return where an id is in the table, or would be."""
    place = np.int64(np.uint64(each) >> shift) * 2
    step = 0
    while pairs[place] != 0 and pairs[place] != each:
        step += 2
        place = (place + step) & (len(pairs) - 1)
    return int(place)


@kernel
def remember_ids(pairs: Ints, shift: np.uint64, ids: Ints, numbers: Ints, before: Ints) -> int:
    """Give each id its number, in order, and write its former one, or NONE, into `before`; return how many are new."""
    new = 0
    for row in range(len(ids)):
        fetch_soon(pairs, row, ids, shift)
        place = place_of_id(pairs, ids[row], shift)
        if pairs[place] == 0:
            pairs[place] = ids[row]
            new += 1
        before[row] = pairs[place + 1] - 1
        pairs[place + 1] = numbers[row] + 1
    return new


@kernel
def find_ids(pairs: Ints, shift: np.uint64, ids: Ints, before: Ints) -> None:
    """Write into `before` the number of each id, NONE where it has none."""
    for row in range(len(ids)):
        fetch_soon(pairs, row, ids, shift)
        before[row] = pairs[place_of_id(pairs, ids[row], shift) + 1] - 1
