"""Texts to numbers: equal texts, compared in full, have one number. Others are left to Python."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined
from operators.fast.words import WORD, Text, tail_of, word_at

TEXTS_MAX = 1 << 14
SLOTS = 4 * TEXTS_MAX
BYTES_MAX = 1 << 21
PROBES_MAX = 16  # Slots tried, however many hashes someone makes equal: more are not worth it.
SEED, FACTOR, SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93), np.uint64(32)
SLOT_SHIFT = np.uint64(64 - SLOTS.bit_length() + 1)


class Interned(NamedTuple):
    """Known texts: the bytes of all, each aligned to a word; the start and length of each; slots; counts.

    `size` holds the number of texts, and of bytes.
    """

    bytes: Text
    starts: Ints
    lengths: Ints
    slots: NDArray[np.int32]
    size: Ints


def no_texts() -> Interned:
    """Return a table with only the empty text, number 0."""
    return Interned(
        bytes=np.zeros(BYTES_MAX + WORD, np.uint8),
        starts=np.zeros(TEXTS_MAX, np.int64),
        lengths=np.zeros(TEXTS_MAX, np.int64),
        slots=np.full(SLOTS, -1, np.int32),
        size=np.array([1, 0], np.int64),
    )


@inlined
def slot_of(text: Text, at: int, size: int) -> int:
    """Return the slot where a text is looked for first."""
    found = SEED ^ np.uint64(size)
    if size <= WORD:
        found = (found ^ tail_of(text, at, size)) * FACTOR
        return int(np.int64(((found ^ (found >> SHIFT)) * FACTOR) >> SLOT_SHIFT))
    end = at + size
    while at < end:
        found = (found ^ tail_of(text, at, min(end - at, WORD))) * FACTOR
        found ^= found >> SHIFT
        at += WORD
    return int(np.int64((found * FACTOR) >> SLOT_SHIFT))


@inlined
def is_same(text: Text, at: int, size: int, known: Text, start: int) -> bool:
    """Tell whether a text equals the known one of the same size at `start`."""
    if size <= WORD:
        return bool(tail_of(text, at, size) == word_at(known, start))
    end = at + size
    while at < end:
        if tail_of(text, at, min(end - at, WORD)) != word_at(known, start):
            return False
        at += WORD
        start += WORD
    return True


@inlined
def add_text(text: Text, at: int, size: int, table: Interned, slot: int) -> int:
    """Number a new text; -1 where there is no room."""
    number, start = table.size
    if number >= TEXTS_MAX or start + size + WORD > BYTES_MAX:
        return -1
    for place in range(size):
        table.bytes[start + place] = text[at + place]
    for place in range(size, -(-size // WORD) * WORD):
        table.bytes[start + place] = 0
    table.starts[number], table.lengths[number], table.slots[slot] = start, size, number
    table.size[0], table.size[1] = number + 1, start + -(-size // WORD) * WORD
    return int(number)


@inlined
def number_of_text(text: Text, at: int, size: int, table: Interned) -> int:
    """Return the number of a text, a new number for a new text; -1 where there is no room."""
    if size == 0:
        return 0
    slot = slot_of(text, at, size)
    for _ in range(PROBES_MAX):
        number = table.slots[slot]
        if number < 0:
            return int(add_text(text, at, size, table, slot))
        if table.lengths[number] == size and is_same(text, at, size, table.bytes, table.starts[number]):
            return int(number)
        slot = (slot + 1) & (SLOTS - 1)
    return -1
