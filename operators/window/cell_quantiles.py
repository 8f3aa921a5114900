"""Quantiles straight from the cells of a hop that is looked at once: filling pages costs several times as much."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.fast import loading
from operators.stats.histogram import CODE_BITS
from operators.window.hop import HopCounts, cells_of
from operators.window.paged import VALUES, PagedHistograms


def cell_quantiles(counts: HopCounts, rows: Ints, probabilities: Sequence[float]) -> Floats:
    """Return quantiles (rows, M, Q), as `PagedHistograms.quantiles` does; rows and probabilities rise."""
    measures, kernels = counts.sums.shape[1], loading.kernels()
    if kernels is not None:
        found: Floats = kernels.cell_quantiles_found(counts.cells, rows, measures, CODE_BITS, VALUES, probabilities)
        return found
    histograms = PagedHistograms(measures)
    histograms.add_cells(cells_of(counts, rows), np.arange(len(counts.slots)))
    return histograms.quantiles(rows, measures, probabilities)
