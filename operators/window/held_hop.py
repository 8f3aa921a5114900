"""A hop of a window, packed: it is needed only once more, when it falls out of the window.

Packed are the differences of neighbours, small ones in one byte each, compressed where there are many: some 1.2 bytes
per histogram cell instead of 16.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
from backports import zstd
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast import loading
from operators.window.hop import HopCounts, rows_between
from operators.window.varints import of_varints, varints_of
from operators.window.watermark import END

LEVEL = 1  # Of zstd; a higher one takes several times as long to save a twentieth of the bytes.
SLOTS_TOGETHER = 1 << 10  # In a part of a hop: unpacked it takes ten times the memory.
LEAST = 128  # Fewer bytes are not compressed: it hardly saves any.
# Shared, as making one costs more than a small hop; each hop is a frame of its own, made in one call under its lock.
COMPRESSOR = zstd.ZstdCompressor(LEVEL)


class PackedRows(msgspec.Struct, frozen=True):
    """How many rows and cells some rows of a hop have; `data` are their numbers as bytes.

    First come counts, kind by kind; then cells, as the difference to the key before, with n > 1 in the lowest bit; then
    n - 2 of the cells with n > 1.
    """

    rows: int
    cells: int
    compressed: bool
    data: bytes


class PackedHop(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` (W,) of a hop, how many SLIs and measures it has, and its rows, about a thousand packed together."""

    slots: NDArray[np.int32]
    slis: int
    measures: int
    parts: Sequence[PackedRows]

    def counts(self, low: int = 0, high: int = END) -> Iterator[HopCounts]:
        """Yield the hop as it was, in parts; only those parts that have slots from `low` to `high`."""
        last = 0
        for part in self.parts:
            first, last = last, last + part.rows
            if self.slots[first] <= high and self.slots[last - 1] >= low:
                yield self._unpacked(part, self.slots[first:last])

    def _unpacked(self, part: PackedRows, slots: NDArray[np.int32]) -> HopCounts:
        data = zstd.decompress(part.data) if part.compressed else part.data
        kernels = loading.kernels()
        read = _read if kernels is None else kernels.hop_read
        events, slis, sums, cells = read(data, part.rows, self.slis, self.measures, part.cells)
        return HopCounts(slots=slots.astype(np.int64), events=events, slis=slis, sums=sums, cells=cells)

    def renumbered(self, new_slot: Ints) -> "PackedHop":
        """Return the hop renumbered: `new_slot` (old slots,) maps old slots to new ones."""
        return msgspec.structs.replace(self, slots=new_slot[self.slots].astype(np.int32))


def pack_hop(hop: HopCounts) -> PackedHop:
    """Return the counts of a hop packed: where there are many slots, each range of `SLOTS_TOGETHER` by itself."""
    slots, edges = hop.slots.astype(np.int32), [0, len(hop.slots)]
    if len(slots) > SLOTS_TOGETHER:
        edges = [*np.flatnonzero(np.diff(slots // SLOTS_TOGETHER, prepend=-1)).tolist(), len(slots)]
    parts = [_packed(rows_between(hop, first, last)) for first, last in pairwise(edges)]
    return PackedHop(slots=slots, slis=hop.slis.shape[1], measures=hop.sums.shape[1], parts=parts)


def _packed(hop: HopCounts) -> PackedRows:
    kernels = loading.kernels()
    written = _written if kernels is None else kernels.written_hop
    data = written(hop.events, hop.slis, hop.sums, hop.cells)
    compressed = len(data) >= LEAST
    held = COMPRESSOR.compress(data, COMPRESSOR.FLUSH_FRAME) if compressed else bytes(data)
    return PackedRows(len(hop.slots), len(hop.cells), compressed, held)


def _written(events: Ints, slis: Ints, sums: Ints, cells: Ints) -> bytes:
    """Return counts of rows and cells as bytes, as the kernel does."""
    rows, keys, n = len(events), cells[:, 0], cells[:, 1]
    # Column by column: numbers of one kind are of like size.
    counts = np.concatenate([each.reshape(rows, each.size // max(rows, 1)).T.ravel() for each in (events, slis, sums)])
    tokens = np.diff(keys, prepend=0) << 1 | (n > 1)
    return varints_of(np.concatenate((counts << 1 ^ counts >> 63, tokens, n[n > 1] - 2)))


def _read(data: bytes, rows: int, slis: int, measures: int, cells: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Return what `_written` wrote, as the kernel does."""
    kinds = 1 + 3 * slis + 3 * measures
    signed, tokens, more = np.split(of_varints(data), (kinds * rows, kinds * rows + cells))
    columns = (signed >> 1 ^ -(signed & 1)).reshape(kinds, rows)
    n = (tokens & 1) + 1
    n[tokens & 1 > 0] += more
    return (
        columns[0],
        np.ascontiguousarray(columns[1 : 1 + 3 * slis].T).reshape(rows, slis, 3),
        np.ascontiguousarray(columns[1 + 3 * slis :].T).reshape(rows, measures, 3),
        np.column_stack((np.cumsum(tokens >> 1), n)),
    )
