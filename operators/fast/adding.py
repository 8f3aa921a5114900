"""Adds up the histograms of rows that belong together: of one series in several panes, or of all series of a slice."""

from operators.arrays import Ints
from operators.fast.compiled import kernel
from operators.fast.tally import Tally, count_code, emit_cells


@kernel
def find_rows(counted: Ints, width: int, firsts: Ints) -> None:
    """Write where the counts (K, 2) of each row begin, and where the last row ends: row * `width` + place, and n."""
    at = 0
    for row in range(len(firsts)):
        while at < len(counted) and counted[at, 0] < row * width:
            at += 1
        firsts[row] = at


@kernel
def add_rows(counted: Ints, firsts: Ints, order: Ints, starts: Ints, width: int, tally: Tally, out: Ints) -> int:
    """Add up the counts of groups of rows, given in order, beginning at `starts` (G + 1,); return the number of cells.

    The counts of a row begin at `firsts` (R + 1,) of `counted`. A cell is group * `width` + place, and n.
    """
    cells = 0
    for group in range(len(starts) - 1):
        alone = starts[group + 1] - starts[group] == 1
        for row in order[starts[group] : starts[group + 1]]:
            for at in range(firsts[row], firsts[row + 1]):
                place = counted[at, 0] - row * width
                if alone:  # The places of a single row are in order.
                    out[cells, 0], out[cells, 1] = group * width + place, counted[at, 1]
                    cells += 1
                else:
                    count_code(place, counted[at, 1], tally)
        cells = emit_cells(group * width, cells, tally, out)
    return cells
