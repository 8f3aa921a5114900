"""State of small changes that stay: for one field and monitor, by series, the e-detectors and their counts.

Memory of a series: 8 bytes a bin and 48 a share, 600 for a number in ten bins; series without windows are forgotten.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.stats.share_detector import CAP, Shares
from operators.window.series_index import SliceSeries

Key = tuple[str, str, str]  # Model, version, slice.


class Lasting:
    """By row of `keys`: `log_m` (R, C, 2, STEPS), `counts` (R, B) of all windows since the one that began at `since`.

    `bad` (R,): a change is found, and its evidence is not gone yet; `seen` (R,) [Unix ms]: when the last window ended.
    """

    def __init__(self) -> None:
        self.keys: dict[Key, int] = {}
        self.log_m: Floats = np.zeros((0, 0, 0, 0))
        self.counts: Ints = np.zeros((0, 0), np.int64)
        self.since: Ints = np.zeros(0, np.int64)
        self.seen: Ints = np.zeros(0, np.int64)
        self.bad: NDArray[np.bool_] = np.zeros(0, bool)

    def step(
        self,
        shares: Shares,
        names: Sequence[SliceSeries],
        counts: Ints,
        designs: Floats,
        limits: Floats,
        window: tuple[int, int],
    ) -> tuple[Ints, Floats, NDArray[np.bool_]]:
        """Take a window (start, end) of K series; return their rows, ln of the evidence, and which were BAD before.

        `limits` (K,) are the ln of the evidence that makes them BAD. Evidence is kept only up to its limit, and a
        series is BAD until it has fallen by CAP: so a change that has ended is not held for as long as it lasted.
        """
        start, end = window
        rows = self._rows(names, shares, start)
        log_e = shares.log_e(counts, designs)
        log_m = log_e + np.maximum(self.log_m[rows], 0.0)
        evidence = shares.evidence(log_m)
        before = self.bad[rows]
        self.bad[rows] = evidence >= np.where(before, limits - CAP, limits)
        self.log_m[rows] = log_m - np.maximum(evidence - limits, 0.0)[:, None, None, None]
        self.counts[rows] += counts
        self.seen[rows] = end
        return rows, evidence, before

    def begin_anew(self, rows: Ints, end: int) -> None:
        """Count these rows from `end` on, as they show no sign of a change."""
        self.counts[rows], self.since[rows] = 0, end

    def forget(self, before: int) -> None:
        """Forget series whose last window ended before `before`."""
        kept = [(key, row) for key, row in self.keys.items() if self.seen[row] >= before]
        if len(kept) < len(self.keys):
            rows = np.array([row for _, row in kept], np.int64)
            self.keys = {key: row for row, (key, _) in enumerate(kept)}
            for name in ("log_m", "counts", "since", "seen", "bad"):
                setattr(self, name, getattr(self, name)[rows])

    def _rows(self, names: Sequence[SliceSeries], shares: Shares, start: int) -> Ints:
        rows = np.array([self.keys.setdefault(name[:3], len(self.keys)) for name in names], np.int64)
        new = len(self.keys) - len(self.since)
        if new:
            if not len(self.since):
                self.log_m = np.zeros((0, *shares.gains.shape))
                self.counts = np.zeros((0, len(shares.hits)), np.int64)
            self.log_m = np.pad(self.log_m, ((0, new), (0, 0), (0, 0), (0, 0)))
            self.counts = np.pad(self.counts, ((0, new), (0, 0)))
            self.since = np.pad(self.since, (0, new), constant_values=start)
            self.seen, self.bad = np.pad(self.seen, (0, new)), np.pad(self.bad, (0, new))
        return rows
