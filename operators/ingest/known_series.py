"""The finest series of one source, named once and then known by number, as batches repeat the same ones.

What is known affects only speed: it saves making thousands of names per batch, and looking series up by them.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.numbering import Numbering
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries

KEY_BITS = 62  # For the numbers of all parts of a series together.
SERIES_MIN = 1_000  # Fewer series are not worth forgetting.
MORE = 4  # At most this many times as many series as in the last batch are kept.


class KnownSeries:
    """State: the index of the series, and their rows in it by the numbers of their parts, packed into one key each."""

    def __init__(self) -> None:
        self._begin(0)

    def of(self, indices: Sequence[Numbering], codes: Sequence[Ints]) -> NumberedSeries:
        """Return the series that have these numbers, (k,) each, of their model, version and dimension values."""
        # Texts of items that were not kept are numbered too, but belong to no series.
        known = max([len(self._leaves), *map(len, self._parts)])
        if known > max(SERIES_MIN, MORE * len(codes[0])) or len(indices) != len(self._parts):
            self._begin(len(indices))
        keys = self._keys_of(indices, codes)
        if keys is None:
            return LeafIndex().numbered(_named(indices, codes))
        at = np.searchsorted(self._keys, keys)
        new = np.flatnonzero(self._keys[np.minimum(at, len(self._keys) - 1)] != keys)
        if len(new):
            self._name(keys[new], indices, [part[new] for part in codes])
            at = np.searchsorted(self._keys, keys)
        return self._leaves.chosen(self._rows[at])

    def _begin(self, parts: int) -> None:
        self._leaves = LeafIndex()
        self._parts = [Numbering() for _ in range(parts)]
        # In order; the last is a sentinel, so that there is at least one.
        self._keys: Ints = np.array([np.iinfo(np.int64).max])
        self._rows: Ints = np.array([-1])

    def _keys_of(self, indices: Sequence[Numbering], codes: Sequence[Ints]) -> Ints | None:
        """Return a number for each series, the same in every batch; None where there are too many texts for it."""
        bits = KEY_BITS // len(indices)
        for again in (False, True):
            if again:
                self._begin(len(indices))
            tables = [
                np.array([own[text] for text in index], np.int64)
                for own, index in zip(self._parts, indices, strict=True)
            ]
            if all(len(own) <= 1 << bits for own in self._parts):
                break
        else:
            return None
        keys = np.zeros(len(codes[0]), np.int64)
        for table, part in zip(tables, codes, strict=True):
            keys = keys << bits | table[part]
        return keys

    def _name(self, keys: Ints, indices: Sequence[Numbering], codes: Sequence[Ints]) -> None:
        rows = self._leaves.numbered(_named(indices, codes)).rows
        every = np.concatenate((self._keys, keys))
        order = np.argsort(every)
        self._keys, self._rows = every[order], np.concatenate((self._rows, rows))[order]


def _named(indices: Sequence[Numbering], codes: Sequence[Ints]) -> list[LeafSeries]:
    """Return series by the numbers of their parts."""
    texts = [list(index) for index in indices]
    model, version, *values = ([of[code] for code in part.tolist()] for of, part in zip(texts, codes, strict=True))
    rest = zip(*values, strict=True) if values else (() for _ in model)
    return [LeafSeries(*name) for name in zip(model, version, rest, strict=True)]
