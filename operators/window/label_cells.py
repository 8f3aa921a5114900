"""The labels so far, by the score of the event they are about: estimates of quality are made from these."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.stats.calibration import CELLS

LABELS_MAX = 100_000  # Per key: beyond this all its counts are halved, so that old labels fade.

Key = tuple[str, ...]


class LabelCells:
    """State by key: counts (2 * CELLS,) of wrong labels by cell, then of right ones; `seen`: its last label [Unix ms].

    What scores were worth long ago says nothing about today, so a key without new labels is forgotten. Memory: 800
    bytes per key.
    """

    def __init__(self) -> None:
        self.counts: dict[Key, Ints] = {}
        self.seen: dict[Key, int] = {}

    def of(self, keys: Sequence[Key]) -> Ints:
        """Return the labels so far of each key, (K, 2 * CELLS)."""
        none = np.zeros(2 * CELLS, np.int64)
        return np.array([self.counts.get(key, none) for key in keys], np.int64).reshape(-1, 2 * CELLS)

    def add(self, keys: Sequence[Key], counts: Ints, at: int) -> None:
        """Take the labels (K, 2 * CELLS) of some keys that came then [Unix ms]."""
        for key, new in zip(keys, counts, strict=True):
            if new.any():
                self.counts[key] = _faded(self.counts.get(key, 0) + new)
                self.seen[key] = at

    def forget(self, before: int) -> None:
        """Forget keys whose last label came before then [Unix ms]."""
        for key in [key for key, seen in self.seen.items() if seen < before]:
            del self.counts[key], self.seen[key]


def _faded(counts: Ints) -> Ints:
    return counts - counts // 2 if counts.sum() > LABELS_MAX else counts
