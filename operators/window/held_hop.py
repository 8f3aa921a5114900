"""A hop of a window as few bytes: it is needed once more, when it falls out of the window.

Differences of neighbours in the narrowest types, compressed: some 1.2 bytes a histogram cell instead of 16.
Extremes stay as they are, because a window asks for them whenever it ends.
"""

import math
from typing import Any

import msgspec
import numpy as np
from backports import zstd
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.window.hop import Hop

LEVEL = 1  # Of zstd; more costs several times the time for a twentieth of the bytes.
LEAST = 128  # Fewer bytes are kept as they are: they hardly become fewer.
BITS = (8, 16, 32, 64)
Whole = type[np.integer[Any]]
UNSIGNED: tuple[Whole, ...] = (np.uint8, np.uint16, np.uint32, np.uint64)
SIGNED: tuple[Whole, ...] = (np.int8, np.int16, np.int32, np.int64)
# One for all, each hop a frame of its own, in one call that holds its lock: to make one costs more than a small hop.
COMPRESSOR = zstd.ZstdCompressor(LEVEL)


class _Column(msgspec.Struct, frozen=True, kw_only=True):
    """How whole numbers of any shape are kept: of `differences` each is the one before it and what is kept.

    They take so many `bytes`, `compressed` or not. Each by itself: what is of one kind is told by its own code.
    """

    type: str
    shape: tuple[int, ...]
    differences: bool
    bytes: int
    compressed: bool


class WholeHop(msgspec.Struct, frozen=True, kw_only=True):
    """A hop as it is, of a tumbling window: it goes with the next one, and is not asked for its counts."""

    whole: Hop

    @property
    def slots(self) -> Ints:
        return self.whole.slots

    @property
    def extremes(self) -> Floats:
        return self.whole.extremes

    def hop(self) -> Hop:
        """Return it."""
        return self.whole

    def renumbered(self, new_slot: Ints) -> "WholeHop":
        """Return it with other slots: `new_slot` (old slots,) says which."""
        slots, cell_slots = new_slot[self.whole.slots], new_slot[self.whole.cell_slots].astype(np.int32)
        return WholeHop(whole=msgspec.structs.replace(self.whole, slots=slots, cell_slots=cell_slots))


class PackedHop(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` (W,) and `extremes` (W, M, 2) of a hop; `data` are its other columns, one after the other.

    These are its counts, and of its cells row * M + measure, code and n.
    """

    slots: NDArray[np.int32]
    extremes: Floats
    columns: tuple[_Column, ...]
    data: bytes

    def hop(self) -> Hop:
        """Return it as it was."""
        whole, at = [], 0
        for column in self.columns:
            whole.append(_unpacked(column, self.data[at : at + column.bytes]))
            at += column.bytes
        events, slis, sums, pairs, codes, counts = whole
        rows, measures = np.divmod(pairs, max(self.extremes.shape[1], 1))
        return Hop(
            slots=self.slots.astype(np.int64),
            events=events,
            slis=slis,
            sums=sums,
            extremes=self.extremes,
            cell_slots=self.slots[rows],
            cell_measures=measures.astype(np.int16),
            cell_codes=codes.astype(np.int16),
            cell_counts=counts,
        )

    def renumbered(self, new_slot: Ints) -> "PackedHop":
        """Return it with other slots: `new_slot` (old slots,) says which."""
        return msgspec.structs.replace(self, slots=new_slot[self.slots].astype(np.int32))


HeldHop = PackedHop | WholeHop


def pack_hop(hop: Hop) -> PackedHop:
    """Return a hop, whose slots rise, as few bytes."""
    row_of = np.zeros(int(hop.slots.max(initial=0)) + 1, np.int64)
    row_of[hop.slots] = np.arange(len(hop.slots))
    pairs = row_of[hop.cell_slots] * max(hop.extremes.shape[1], 1) + hop.cell_measures
    packed = (
        _packed(hop.events),
        _packed(hop.slis),
        _packed(hop.sums),
        _packed(pairs, differences=True),
        _packed(hop.cell_codes.astype(np.int64), differences=True),
        _packed(hop.cell_counts),
    )
    return PackedHop(
        slots=hop.slots.astype(np.int32),
        extremes=hop.extremes,
        columns=tuple(column for column, _ in packed),
        data=b"".join(data for _, data in packed),
    )


def _packed(values: Ints, *, differences: bool = False) -> tuple[_Column, bytes]:
    kept = values
    if differences:
        kept = values.copy()
        kept[1:] -= values[:-1]
    narrow = kept.astype(_narrowest(int(kept.min()), int(kept.max())) if kept.size else np.int8)
    # Column by column: what is of one kind is of like size.
    data = (narrow if narrow.ndim == 1 else narrow.reshape(len(narrow), _columns(values.shape)).T).tobytes()
    compressed = len(data) >= LEAST
    data = COMPRESSOR.compress(data, COMPRESSOR.FLUSH_FRAME) if compressed else data
    column = _Column(
        type=narrow.dtype.str, shape=values.shape, differences=differences, bytes=len(data), compressed=compressed
    )
    return column, data


def _narrowest(low: int, high: int) -> Whole:
    kinds, most = (UNSIGNED, high) if low >= 0 else (SIGNED, 2 * max(high, -1 - low))
    return next(kind for kind, bits in zip(kinds, BITS, strict=True) if most < 1 << bits)


def _unpacked(column: _Column, data: bytes) -> Ints:
    flat = np.frombuffer(zstd.decompress(data) if column.compressed else data, column.type).astype(np.int64)
    if len(column.shape) == 1:
        return np.cumsum(flat) if column.differences else flat
    return np.ascontiguousarray(flat.reshape(_columns(column.shape), column.shape[0]).T.reshape(column.shape))


def _columns(shape: tuple[int, ...]) -> int:
    return math.prod(shape[1:])
