"""A hop of a window as few bytes: it is needed once more, when it falls out of the window.

Differences of neighbours in the narrowest types, compressed: some 1.2 bytes a histogram cell instead of 16. Extremes
stay as they are, because a window asks for them whenever it ends.
"""

import math

import msgspec
import numpy as np
from backports import zstd
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.window.hop import Hop

LEVEL = 1  # Of zstd; more costs several times the time for a twentieth of the bytes.


class _Packed(msgspec.Struct, frozen=True, kw_only=True):
    """Whole numbers of any shape: of `differences` each is the one before it and what is kept."""

    data: bytes
    type: str
    shape: tuple[int, ...]
    differences: bool


class HeldHop(msgspec.Struct, frozen=True, kw_only=True):
    """`slots` (W,) and `extremes` (W, M, 2) of a hop. Its counts, and of its cells row * M + measure, code and n."""

    slots: NDArray[np.int32]
    extremes: Floats
    counts: tuple[_Packed, _Packed, _Packed]
    cells: tuple[_Packed, _Packed, _Packed]

    def hop(self) -> Hop:
        """Return it as it was."""
        events, slis, sums = map(_unpacked, self.counts)
        pairs, codes, counts = map(_unpacked, self.cells)
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

    def renumbered(self, new_slot: Ints) -> "HeldHop":
        """Return it with other slots: `new_slot` (old slots,) says which."""
        return msgspec.structs.replace(self, slots=new_slot[self.slots].astype(np.int32))


def pack_hop(hop: Hop) -> HeldHop:
    """Return a hop, whose slots rise, as few bytes."""
    row_of = np.zeros(int(hop.slots.max(initial=0)) + 1, np.int64)
    row_of[hop.slots] = np.arange(len(hop.slots))
    rows = row_of[hop.cell_slots]
    pairs = rows * max(hop.extremes.shape[1], 1) + hop.cell_measures
    return HeldHop(
        slots=hop.slots.astype(np.int32),
        extremes=hop.extremes,
        counts=(_packed(hop.events), _packed(hop.slis), _packed(hop.sums)),
        cells=(
            _packed(pairs, differences=True),
            _packed(hop.cell_codes.astype(np.int64), differences=True),
            _packed(hop.cell_counts),
        ),
    )


def _packed(values: Ints, *, differences: bool = False) -> _Packed:
    kept = np.diff(values, prepend=0) if differences else values
    low, high = (int(kept.min()), int(kept.max())) if kept.size else (0, 0)
    narrow = kept.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))
    # Column by column: what is of one kind is of like size.
    data = zstd.compress(narrow.reshape(len(narrow), _columns(values.shape)).T.tobytes(), LEVEL)
    return _Packed(data=data, type=narrow.dtype.str, shape=values.shape, differences=differences)


def _unpacked(packed: _Packed) -> Ints:
    flat = np.frombuffer(zstd.decompress(packed.data), packed.type).astype(np.int64)
    values = flat.reshape(_columns(packed.shape), packed.shape[0]).T.reshape(packed.shape)
    return np.cumsum(values) if packed.differences else np.ascontiguousarray(values)


def _columns(shape: tuple[int, ...]) -> int:
    return math.prod(shape[1:])
