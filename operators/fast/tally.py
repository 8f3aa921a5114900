"""Room in which one histogram after the other is counted, of which only what was counted is looked at."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined
from operators.fast.words import zero_bits_below

WORD_BITS = 64
ONE = np.uint64(1)


class Tally(NamedTuple):
    """`counts` (codes,), 0 but for one histogram; `marks`, a bit for each that is not; `upper`, one for each mark."""

    counts: Ints
    marks: NDArray[np.uint64]
    upper: NDArray[np.uint64]


def tally_of(codes: int) -> Tally:
    """Return the room for histograms of so many codes."""
    words = codes // WORD_BITS + 1
    return Tally(
        counts=np.zeros(codes, np.int64),
        marks=np.zeros(words, np.uint64),
        upper=np.zeros(words // WORD_BITS + 1, np.uint64),
    )


@inlined
def count_code(code: int, count: int, tally: Tally) -> None:
    """Count a code so many times more."""
    word = code >> 6
    tally.counts[code] += count
    tally.marks[word] |= ONE << np.uint64(code & 63)
    tally.upper[word >> 6] |= ONE << np.uint64(word & 63)


@inlined
def emit_cells(key: int, cells: int, tally: Tally, out: Ints) -> int:
    """Write the histogram, `key` + code and n, behind so many cells, and begin another; return how many there are."""
    for high in range(len(tally.upper)):
        words = tally.upper[high]
        while words:
            word = (high << 6) + zero_bits_below(words)
            marks = tally.marks[word]
            while marks:
                code = (word << 6) + zero_bits_below(marks)
                out[cells, 0], out[cells, 1] = key + code, tally.counts[code]
                tally.counts[code] = 0
                marks &= marks - ONE
                cells += 1
            tally.marks[word] = np.uint64(0)
            words &= words - ONE
        tally.upper[high] = np.uint64(0)
    return cells
