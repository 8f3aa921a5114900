"""Values of measures count as often as events do: a user, session or request that comes again is no new evidence.

The same holds for requests of SLIs by cohorts (`window/maturing.py`), of which only counts are kept until they mature.

Histograms do not tell the chain (`window/chains.py`) of a value. So of a version's values in a pane the same share
counts as of its events: those that are compared (one of each chain, recurring chains more rarely) among all. Where a
chain has k values that are alike, a k-th of the values varies as much as one value of each chain does (the design
effect: J. N. K. Rao, A. J. Scott, "A simple method for the analysis of clustered binary data", Biometrics 48 (1992),
577-585). Where no chain comes twice, all values count.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from operators.arrays import Floats, Ints
from operators.window.mixing import ODD, hashed, positive, salts_of


def thinned(counts: Ints, share: float, pane: int, text: str) -> Ints:
    """Return a `share` of counts, of any shape, each rounded up or down by a hash, so that it is exact on average.

    >>> [thinned(np.array([10, 7, 0]), 0.3, pane, "region=eu").tolist() for pane in range(3)]
    [[3, 2, 0], [3, 2, 0], [3, 2, 0]]
    >>> int(sum(thinned(np.array([1]), 0.3, pane, "*")[0] for pane in range(1_000)))
    308
    """
    if share >= 1.0:
        return counts
    result: Ints = thinned_each(counts[None], np.array([share]), pane, [text])[0]
    return result


def thinned_each(counts: Ints, shares: Floats, pane: int, texts: Sequence[str]) -> Ints:
    """Return `thinned` of each of some counts (E, ...), with its share and text."""
    less = np.flatnonzero(shares < 1.0)
    if not len(less):
        return counts
    some = counts[less].reshape(len(less), -1)
    places = np.arange(1, some.shape[1] + 1, dtype=np.uint64) * ODD
    own = np.array([crc32(texts[each].encode()) for each in less.tolist()], np.uint64)
    chance = positive(hashed(places ^ own[:, None] ^ salts_of(np.array([pane])))) / 2.0**63
    exact = some * shares[less, None]
    whole = np.floor(exact)
    result = counts.copy()
    result[less] = (whole + (chance < exact - whole)).astype(np.int64).reshape(-1, *counts.shape[1:])
    return result
