"""Ids as whole numbers that are the same in every process, unlike Python's own hashes of texts."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.window.mixing import ODD, hashed, positive

NONE = 0  # Of nothing: no id has this hash.
_WORD = 8  # Bytes.


def chain_hashes(texts: Sequence[str]) -> Ints:
    """Return 64-bit hashes of texts, (n,), none of them NONE: word by word, all texts at once.

    There is no key, so results are a function of log and policy alone. Whoever makes ids that collide joins chains, as
    one who sends the same id twice does; whoever chooses ids by their hashes decides which chains are kept where there
    are too many (`operators/window/chains.py`).

    >>> chain_hashes(["a", "b", "a" * 100, "a"]) % 1000
    array([211, 945, 810, 211])
    """
    encoded = np.array([text.encode() for text in texts])
    width = -(-encoded.dtype.itemsize // _WORD)
    words = encoded.astype(f"S{width * _WORD}").view("<u8").reshape(len(texts), width).astype(np.uint64)
    total = np.zeros(len(texts), np.uint64)
    for place in range(width):  # A word of zeros adds nothing: how long the others are does not matter.
        factor = int(ODD) * 3**place % 2**64  # Odd: no two words become one.
        total ^= hashed(words[:, place] * np.uint64(factor))
    found = positive(total)
    found[found == NONE] = 1
    return found
