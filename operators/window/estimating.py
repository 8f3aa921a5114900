"""Estimated SLIs: good and bad of each closing pane, from its scores and the labels of earlier panes.

A share of the events of a series in a pane is expected to be right (`stats/estimated_accuracy.py`), which is seldom a
whole number of events. It is rounded up or down by a hash of the series and the pane: so counts are whole, the same in
every run, and right on average in every slice and window. Events with a score that no label has had stay neither.
"""

from hashlib import blake2b

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.monitors import CALIBRATION
from operators.policy.policy import Policy
from operators.profiles.score_cells import LABELLED, SCORED
from operators.stats.calibration import CELLS
from operators.stats.estimated_accuracy import shares_right
from operators.window.label_cells import Key, LabelCells
from operators.window.leaf_index import LeafSeries
from operators.window.partial import BAD, GOOD, NEITHER, UNSLICED, Partial, feature_rows

Places = tuple[tuple[int, int], tuple[int, int]]


class Estimating:
    """Estimates SLIs of one shard; its only state is the labels so far of each version."""

    def __init__(self, policy: Policy, saved: LabelCells | None) -> None:
        self._from = {index: sli.estimated_from for index, sli in enumerate(policy.slis) if sli.estimated_from}
        self._cells = score_places(policy) if self._from else ()
        self._pane_ms, self._known_ms = policy.pane_ms, policy.releases.known_ms
        self._labels = LabelCells() if saved is None else saved

    def save(self) -> LabelCells | None:
        """Return all that a restart needs."""
        return self._labels if self._from else None

    def fill(self, part: Partial | None, pane: int) -> Partial | None:
        """Return the on-time counts with good and bad filled in; their labels count from the next pane on."""
        if not self._from or part is None or not len(part.features):
            return part
        answers, came = (counts_within(part, *places) for places in self._cells)
        names = [part.series[at] for at in part.which.tolist()]
        number = {version: at for at, version in enumerate(dict.fromkeys(_version(name) for name in names))}
        of = np.array([number[_version(name)] for name in names], np.int64)
        labels = self._labels.of(list(number))
        slis = self._slis(part.slis.copy(), answers, labels[of], _thresholds(names, pane))
        of_version = np.zeros((len(number), 2 * CELLS), np.int64)
        np.add.at(of_version, of, came)
        now = (pane + 1) * self._pane_ms
        self._labels.add(list(number), of_version, now)
        self._labels.forget(now - self._known_ms)
        return msgspec.structs.replace(part, slis=slis)

    def _slis(self, slis: Ints, answers: Ints, labels: Ints, thresholds: Floats) -> Ints:
        """Fill in the counts (R, S, 3) of rows with these `answers` (R, CELLS), by the `labels` (R, 2 * CELLS)."""
        # The worth of a score that no label has had is unknown.
        answers = np.where(labels[:, :CELLS] + labels[:, CELLS:] > 0, answers, 0)
        n = answers.sum(axis=1)
        expected = (answers * shares_right(labels)).sum(axis=1)
        good = np.minimum(np.floor(expected + thresholds).astype(np.int64), n)
        for index, least in self._from.items():
            rows = (labels.sum(axis=1) >= (least or 0)) & (slis[:, index, NEITHER] > 0)
            slis[rows, index, GOOD] = good[rows]
            slis[rows, index, BAD] = n[rows] - good[rows]
            slis[rows, index, NEITHER] = np.maximum(slis[rows, index, NEITHER] - n[rows], 0)
        return slis


def score_places(policy: Policy) -> Places:
    """Return where scores, and labels by score, are counted among all watched fields: first bin, number of bins."""
    return _places(policy, "score", SCORED), _places(policy, CALIBRATION, LABELLED)


def _version(name: LeafSeries) -> Key:
    return name.model, name.version


def _places(policy: Policy, name: str, cells: slice) -> tuple[int, int]:
    """Return where cells of a field begin in the layout of all watched fields, and how many there are."""
    (watched,) = (each for each in policy.watched if (each.name, each.model, each.profile) == (name, None, ""))
    return watched.offset + cells.start, cells.stop - cells.start


def counts_within(part: Partial, first: int, many: int) -> Ints:
    """Return the counts of `many` bins of the layout from bin `first` on, (rows, many)."""
    rows, bins, n = feature_rows(part)
    ours = (bins >= first) & (bins < first + many)
    found = np.zeros((part.rows, many), np.int64)
    found[rows[ours], bins[ours] - first] = n[ours]
    return found


def _thresholds(names: list[LeafSeries], pane: int) -> Floats:
    """Return a number of [0, 1) for each series in a pane, evenly spread and the same in every process."""
    sliced = (name._replace(values=tuple(each for each in name.values if each != UNSLICED)) for name in names)
    texts = (repr((pane, *name)).encode() for name in sliced)
    hashes = [int.from_bytes(blake2b(text, digest_size=8).digest()) >> 11 for text in texts]
    return np.array(hashes, float) / 2.0**53
