"""Mixing of 64-bit words, and the salt of a pane, by which the chains of each pane are sampled anew."""

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints

Words = NDArray[np.uint64]
ODD = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 / golden ratio, as in SplitMix64.
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def hashed(words: Words) -> Words:
    """Mix words by the function of SplitMix64, which maps 0 to 0.

    Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    for shift, factor in _MIX:
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words


def positive(words: Words) -> Ints:
    """Return the words as whole numbers, by their first 63 bits."""
    return (words >> np.uint64(1)).astype(np.int64)


def salts_of(panes: Ints) -> Words:
    """Return the salt of each pane. Salting by `^ positive(salt)` twice gives the word itself again."""
    return hashed(panes.astype(np.uint64) * ODD)
