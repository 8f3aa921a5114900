"""Order statistics of the last numbers of a log, after each number."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import rank_filter

from operators.arrays import Ints
from operators.fast import loading
from operators.window.watermark import NEVER

WIDER = 10  # The k-th largest is taken of so many times k numbers.
FEW = 8  # Fewer are ranked one by one: setting up the filter costs more.


def ranked(known: Ints, start: int, stop: int, few: int) -> Ints:
    """Return after each of the numbers start .. stop - 1 the `few`-th largest of the last 10 `few`.

    NEVER while there are fewer than `few`.
    """
    width = WIDER * few
    missing = np.full(max(0, width - 1 - start), NEVER)
    near = np.concatenate((missing, known[max(0, start - width + 1) : stop]))
    if stop - start < FEW:
        return np.partition(sliding_window_view(near, width), width - few, axis=1)[:, width - few]
    kernels = loading.kernels()
    if kernels is not None:
        of_windows: Ints = kernels.ranked_windows(near, width, width - few)
        return of_windows
    # The window of each output ends with its own number.
    found = rank_filter(near, rank=width - few, size=width, origin=(width - 1) // 2, mode="nearest")
    return np.asarray(found[width - 1 :], np.int64)
