"""A hop of a window as few bytes: it is needed once more, when it falls out of the window.

Differences of neighbours, small ones in one byte each, and compressed where there are many: some 1.2 bytes a histogram
cell instead of 16.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from backports import zstd
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.window.hop import HopCounts, rows_between
from operators.window.varints import of_varints, varints_of
from operators.window.watermark import END

LEVEL = 1  # Of zstd; more costs several times the time for a twentieth of the bytes.
SLOTS_TOGETHER = 1 << 10  # Of a hop of many: what is worked out of them at once is ten times what they are held as.
LEAST = 128  # Fewer bytes are kept as they are: they hardly become fewer.
# One for all, each hop a frame of its own, in one call that holds its lock: to make one costs more than a small hop.
COMPRESSOR = zstd.ZstdCompressor(LEVEL)


class PackedRows(msgspec.Struct, frozen=True):
    """How many rows, cells and numbers some rows of a hop have; `data` are the numbers as bytes.

    These are their counts, kind by kind; their cells as the difference to the key before and whether n is more than 1,
    in the lowest bit; then how much more than 2, of those.
    """

    rows: int
    cells: int
    numbers: int
    compressed: bool
    data: bytes


class PackedHop(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` (W,) of a hop, how many SLIs and measures it has, and its rows, some thousand packed together."""

    slots: NDArray[np.int32]
    slis: int
    measures: int
    parts: Sequence[PackedRows]

    def counts(self, low: int = 0, high: int = END) -> Iterator[HopCounts]:
        """Yield it as it was, in parts; those alone that have slots from `low` to `high`."""
        last = 0
        for part in self.parts:
            first, last = last, last + part.rows
            if self.slots[first] <= high and self.slots[last - 1] >= low:
                yield self._unpacked(part, self.slots[first:last])

    def _unpacked(self, part: PackedRows, slots: NDArray[np.int32]) -> HopCounts:
        numbers = of_varints(zstd.decompress(part.data) if part.compressed else part.data, part.numbers)
        rows = part.rows
        kinds = 1 + 3 * self.slis + 3 * self.measures
        signed, tokens, more = np.split(numbers, (kinds * rows, kinds * rows + part.cells))
        columns = (signed >> 1 ^ -(signed & 1)).reshape(kinds, rows)
        cells = np.empty((part.cells, 2), np.int64)
        np.cumsum(tokens >> 1, out=cells[:, 0])
        cells[:, 1] = (tokens & 1) + 1
        cells[np.flatnonzero(tokens & 1), 1] += more
        return HopCounts(
            slots=slots.astype(np.int64),
            events=columns[0],
            slis=np.ascontiguousarray(columns[1 : 1 + 3 * self.slis].T).reshape(rows, self.slis, 3),
            sums=np.ascontiguousarray(columns[1 + 3 * self.slis :].T).reshape(rows, self.measures, 3),
            cells=cells,
        )

    def renumbered(self, new_slot: Ints) -> "PackedHop":
        """Return it with other slots: `new_slot` (old slots,) says which."""
        return msgspec.structs.replace(self, slots=new_slot[self.slots].astype(np.int32))


def pack_hop(hop: HopCounts) -> PackedHop:
    """Return the counts of a hop as few bytes: those of each range of so many slots apart, where there are many."""
    slots, edges = hop.slots.astype(np.int32), [0, len(hop.slots)]
    if len(slots) > SLOTS_TOGETHER:
        edges = [*np.flatnonzero(np.diff(slots // SLOTS_TOGETHER, prepend=-1)).tolist(), len(slots)]
    parts = [_packed(rows_between(hop, first, last)) for first, last in pairwise(edges)]
    return PackedHop(slots=slots, slis=hop.slis.shape[1], measures=hop.sums.shape[1], parts=parts)


def _packed(hop: HopCounts) -> PackedRows:
    rows, slis, measures = len(hop.slots), hop.slis.shape[1], hop.sums.shape[1]
    # Column by column: what is of one kind is of like size.
    counts = np.concatenate(
        (hop.events[None], hop.slis.reshape(rows, 3 * slis).T, hop.sums.reshape(rows, 3 * measures).T)
    )
    keys, n = hop.cells[:, 0], hop.cells[:, 1]
    more = n > 1
    numbers = np.empty(counts.size + len(keys) + np.count_nonzero(more), np.int64)
    numbers[: counts.size] = (counts << 1 ^ counts >> 63).ravel()
    tokens = numbers[counts.size : counts.size + len(keys)]  # In place: the cells are most of a hop.
    tokens[:1] = keys[:1]
    np.subtract(keys[1:], keys[:-1], out=tokens[1:])
    tokens <<= 1
    tokens += more
    numbers[counts.size + len(keys) :] = n[more] - 2
    data = varints_of(numbers)
    compressed = len(data) >= LEAST
    return PackedRows(
        rows,
        len(keys),
        len(numbers),
        compressed,
        COMPRESSOR.compress(data, COMPRESSOR.FLUSH_FRAME) if compressed else data,
    )
