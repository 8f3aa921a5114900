"""Ids as whole numbers that are the same in every process, unlike Python's own hashes of texts."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.window.mixing import ODD, hashed, positive

NONE = 0  # Stands for no id: no id has this hash.
_WORD = 8  # Bytes.


def chain_hashes(texts: Sequence[str]) -> Ints:
    """Return 64-bit hashes of texts, (n,), none of them NONE: word by word, all texts at once.

    They have no key. Colliding ids join chains, as sending the same id twice does. And without a key (`with_key`) a
    sender could choose ids by their hashes, and so decide which of too many chains are kept (`window/chains.py`).

    >>> chain_hashes(["a", "b", "a" * 100, "a"]) % 1000
    array([211, 945, 810, 211])
    """
    encoded = np.array([text.encode() for text in texts])
    width = -(-encoded.dtype.itemsize // _WORD)
    words = encoded.astype(f"S{width * _WORD}").view("<u8").reshape(len(texts), width).astype(np.uint64)
    total = np.zeros(len(texts), np.uint64)
    for place in range(width):  # A word of zeros adds nothing, so the length of other texts does not matter.
        factor = int(ODD) * 3**place % 2**64  # Odd, so that different words stay different.
        total ^= hashed(words[:, place] * np.uint64(factor))
    found = positive(total)
    found[found == NONE] = 1
    return found


def with_key(hashes: Ints, word: int | None, low: int = 0) -> Ints:
    """Return hashes that cannot be predicted without the 64-bit `word`; unchanged if it is None.

    Equal hashes stay equal, NONE stays NONE, and the bits of `low` stay as they are.

    >>> found = with_key(np.array([0, 7, 64 + 7, 7]), 12345, low=7)
    >>> found & 7, len(set(found.tolist()))
    (array([0, 7, 7, 7]), 3)
    """
    if word is None:
        return hashes
    found = positive(hashed(hashes.view(np.uint64) ^ np.uint64(word)))
    found = np.where(found & ~low == NONE, ~low & np.iinfo(np.int64).max, found & ~low) | (hashes & low)
    return np.where(hashes == NONE, NONE, found)
