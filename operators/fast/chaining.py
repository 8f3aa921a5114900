"""Hashes of the names of chains, as in `ingest/chains.py`: word by word, without a key."""

import numpy as np

from operators.fast.compiled import inlined
from operators.fast.words import WORD, Text, tail_of

ODD = np.uint64(0x9E3779B97F4A7C15)  # These constants are those of `window/mixing.py`; a test compares the hashes.
FIRST_FACTOR, SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
FIRST_SHIFT, SECOND_SHIFT, LAST_SHIFT = np.uint64(30), np.uint64(27), np.uint64(31)
THREE, BYTE, ONE = np.uint64(3), np.uint64(8), np.uint64(1)
SPACE, ZERO = np.uint64(32), np.uint64(48)
ATTEMPTS = 31  # The bits of an event's hash that hold its attempt.


@inlined
def mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> FIRST_SHIFT)) * FIRST_FACTOR
    word = (word ^ (word >> SECOND_SHIFT)) * SECOND_FACTOR
    return word ^ (word >> LAST_SHIFT)


@inlined
def as_chain(total: np.uint64) -> int:
    """Return a hash as a non-zero whole number."""
    found = np.int64(total >> ONE)
    return int(found) if found != 0 else 1


@inlined
def prefixed_hash(text: Text, at: int, size: int, prefix: np.uint64) -> int:
    """Return the hash of a character and the text of `size` bytes at a place."""
    factor, total = ODD, np.uint64(0)
    word = (tail_of(text, at, min(size, WORD - 1)) << BYTE) | prefix
    place = WORD - 1
    while True:
        total ^= mixed(word * factor)
        if place >= size:
            return int(as_chain(total))
        factor *= THREE
        word = tail_of(text, at + place, min(size - place, WORD))
        place += WORD


@inlined
def of_suffix(place: int, end: int) -> np.uint64:
    """Return the bytes of " 0" from `end` on that are in the word at `place`."""
    found = np.uint64(0)
    if place <= end < place + WORD:
        found |= SPACE << (BYTE * np.uint64(end - place))
    if place <= end + 1 < place + WORD:
        found |= ZERO << (BYTE * np.uint64(end + 1 - place))
    return found


@inlined
def first_attempt_hash(text: Text, at: int, size: int) -> int:
    """Return the event hash of the first attempt of the request whose id has `size` bytes at a place."""
    factor, total, place = ODD, np.uint64(0), 0
    while place < size + 2:
        word = tail_of(text, at + place, min(max(size - place, 0), WORD)) | of_suffix(place, size)
        total ^= mixed(word * factor)
        factor *= THREE
        place += WORD
    return int(as_chain(total)) & ~ATTEMPTS
