"""How long the next windows of strata last (`strata.py`), for any number of releases and SLIs at once."""

import numpy as np

from operators.arrays import Floats, Ints

KEPT_MIN = 0.5  # Of the information that pooling for ever would keep.


def window_blocks(seen: Ints, of: Ints, lasted: Ints, panes: int, most: Ints) -> Ints:
    """Return how many blocks the next window lasts, (R, SLIs): the smallest power of two that keeps enough.

    For N strata of R releases, `seen` (N, SLIs, 4) are the counts so far, over `lasted` (R, SLIs) panes, and `of` (N,)
    is the release. A block lasts `panes` panes, and no window more than `most` (R,), or a block.
    """
    n_c, n_b = seen[:, :, 0].astype(float), seen[:, :, 2].astype(float)
    mean = (n_c + n_b) * panes / np.maximum(lasted, panes)[of]
    weight = n_c * n_b / np.maximum(n_c + n_b, 1.0) ** 2
    blocks = np.ones(lasted.shape, np.int64)
    informative = _by_release(weight * mean, of, blocks)
    grows = informative > 0
    while True:
        grows &= 2 * blocks * panes <= most[:, None]
        if not grows.any():
            return blocks
        expected = blocks[of] * mean
        kept = _by_release(weight * (expected - 1 + np.exp(-expected)), of, blocks)
        grows &= kept < KEPT_MIN * blocks * informative
        blocks[grows] *= 2


def _by_release(values: Floats, of: Ints, like: Ints) -> Floats:
    """Return the sums of values (N, SLIs) by release, shaped like `like`: each in the order of its strata."""
    at = of[:, None] * like.shape[1] + np.arange(like.shape[1])
    sums = np.bincount(at.ravel(), weights=values.ravel(), minlength=like.size).astype(np.float64, copy=False)
    return sums.reshape(like.shape)
