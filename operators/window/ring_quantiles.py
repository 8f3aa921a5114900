"""Quantiles straight from the hops of a ring, for slots that are looked at too seldom to hold their histograms.

Histograms of all finest series would be most of what a window holds, for the sake of one report an hour. Made on
demand, they count each hop once while the window holds it, instead of in and out.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from operators.arrays import Floats, Ints
from operators.window.held_hop import SLOTS_TOGETHER, PackedHop
from operators.window.hop import cells_of
from operators.window.paged import PagedHistograms


def ring_quantiles(hops: Sequence[PackedHop], slots: Ints, measures: int, probabilities: Sequence[float]) -> Floats:
    """Return quantiles (slots, M, Q), as `PagedHistograms.quantiles` does, over all hops; `slots` rise.

    Histograms are made for as many slots at a time as are packed together.
    """
    found = np.empty((len(slots), measures, len(probabilities)))
    edges = np.flatnonzero(np.diff(slots // SLOTS_TOGETHER, prepend=-1)).tolist()
    histograms = PagedHistograms(measures)
    for begin, end in pairwise((*edges, len(slots))):
        some = slots[begin:end]
        low = int(some[0])
        histograms.clear()
        for hop in hops:
            for counts in hop.counts(low, int(some[-1])):
                rows = np.flatnonzero(np.isin(counts.slots, some, assume_unique=True))
                places = np.clip(counts.slots - low, 0, SLOTS_TOGETHER - 1)  # Rows of other slots have no cells here.
                histograms.add_cells(cells_of(counts, rows), places)
        found[begin:end] = histograms.quantiles(some - low, measures, probabilities)
    return found
