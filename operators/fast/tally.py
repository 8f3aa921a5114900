"""A scratch buffer in which histograms are counted one after the other; only codes that were counted are visited."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined
from operators.fast.words import zero_bits_below

WORD_BITS = 64
ONE = np.uint64(1)


class Tally(NamedTuple):
    """`counts` (codes,) of one histogram; `marks`, a bit per counted code; `words`, a bit per word of `marks` used."""

    counts: Ints
    marks: NDArray[np.uint64]
    words: NDArray[np.uint64]


def tally_of(codes: int) -> Tally:
    """Return an empty tally for histograms of this number of codes."""
    marks = codes // WORD_BITS + 1
    return Tally(
        counts=np.zeros(codes, np.int64),
        marks=np.zeros(marks, np.uint64),
        words=np.zeros(marks // WORD_BITS + 1, np.uint64),
    )


@inlined
def count_code(code: int, count: int, tally: Tally) -> None:
    """Add `count` to a code."""
    tally.counts[code] += count
    tally.marks[code >> 6] |= ONE << np.uint64(code & 63)
    tally.words[code >> 12] |= ONE << np.uint64(code >> 6 & 63)


@inlined
def emit_cells(key: int, cells: int, tally: Tally, out: Ints) -> int:
    """Write the histogram to `out` as rows (`key` + code, n), and clear the tally.

    The rows are written after the first `cells` rows; return the new number of rows.
    """
    for block in range(len(tally.words)):
        words = tally.words[block]
        while words:
            word = (block << 6) + zero_bits_below(words)
            marks = tally.marks[word]
            while marks:
                code = (word << 6) + zero_bits_below(marks)
                out[cells, 0], out[cells, 1] = key + code, tally.counts[code]
                tally.counts[code] = 0
                marks &= marks - ONE
                cells += 1
            tally.marks[word] = np.uint64(0)
            words &= words - ONE
        tally.words[block] = np.uint64(0)
    return cells
