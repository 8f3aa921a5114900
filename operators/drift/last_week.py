"""The windows of the last week, for monitors that compare with the same window a week before.

Memory: a week of windows, 7 d / their length (168 of an hour), each with the bins and sums that such monitors need, for
the series that had events, in as few bytes as the counts need, compressed: some 20 bytes a field and series, so that
20 fields of 50 series take 3 MB, 200 fields 30 MB.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.drift.member import watched_of
from operators.drift.window_sums import Sums
from operators.policy.monitors import WindowMonitor
from operators.policy.policy import Policy
from operators.saved.packed import pack_fields, unpack_fields
from operators.spans import WEEK_MS
from operators.window.series_index import SliceSeries

Key = tuple[str, str, str]  # Model, version, slice.
# Values of each series (K, V), and about how many ordered pairs of its events shared their user (K,).
OfSeries = tuple[Ints, Ints]


class _Window(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...]
    counts: Ints
    moments: Ints
    pairs: Ints | None = None  # Pairs of events that share their user; None: not kept by older workers.


class LastWeek:
    """State: by window length and end [Unix ms], one compressed window."""

    def __init__(self, policy: Policy) -> None:
        self.bins: dict[int, Ints] = {}  # By window length: which bins of the layout are kept,
        self.fields: dict[int, Ints] = {}  # and which fields.
        self.kept: dict[tuple[int, int], bytes] = {}
        for window_ms in {each.window_ms for each in _weekly(policy)}:
            these = [each for each in _weekly(policy) if each.window_ms == window_ms]
            fields = {index: watched for each in these for index, watched in watched_of(each, policy)}
            bins = [np.arange(each.offset, each.offset + each.bins) for _, each in sorted(fields.items())]
            self.fields[window_ms] = np.array(sorted(fields), np.int64)
            self.bins[window_ms] = np.concatenate([np.zeros(0, np.int64), *bins])

    def store(self, window_ms: int, end: int, sums: Sums, slots: Ints, names: Sequence[SliceSeries]) -> None:
        """Keep these slots of a window that ended, and forget the windows that will not be needed again."""
        if window_ms not in self.bins:
            return
        counts = sums.counts[np.ix_(slots, self.bins[window_ms])]
        window = {
            "keys": tuple(names[slot][:3] for slot in slots.tolist()),
            "counts": counts.astype(np.min_scalar_type(int(counts.max(initial=0)))),
            "moments": sums.moments[np.ix_(slots, self.fields[window_ms])],
            "pairs": np.rint(sums.users.pairs(slots)).astype(np.int64),
        }
        self.kept[window_ms, end] = pack_fields(window)
        self.kept = {key: kept for key, kept in self.kept.items() if key[0] != window_ms or key[1] > end - WEEK_MS}

    def at(self, window_ms: int, end: int) -> _Window | None:
        """Return the window a week before the one that ends at `end`, None if it had no events."""
        kept = self.kept.get((window_ms, end - WEEK_MS))
        return None if kept is None else _Window(**unpack_fields(kept))

    def counts(self, window_ms: int, window: _Window | None, bins: range, names: Sequence[SliceSeries]) -> OfSeries:
        """Return the counts of these bins for each series a week before, (K, B), and its pairs."""
        if window is None:
            return np.zeros((len(names), len(bins)), np.int64), np.zeros(len(names), np.int64)
        columns = np.searchsorted(self.bins[window_ms], np.arange(bins.start, bins.stop))
        return _with_pairs(window, window.counts[:, columns].astype(np.int64), names)

    def moments(self, window_ms: int, window: _Window | None, field: int, names: Sequence[SliceSeries]) -> OfSeries:
        """Return the moments of a field for each series a week before, (K, 5), and its pairs."""
        if window is None:
            return np.zeros((len(names), 5), np.int64), np.zeros(len(names), np.int64)
        column = int(np.searchsorted(self.fields[window_ms], field))
        return _with_pairs(window, window.moments[:, column], names)


def _with_pairs(window: _Window, values: Ints, names: Sequence[SliceSeries]) -> OfSeries:
    pairs = np.zeros(len(values), np.int64) if window.pairs is None else window.pairs
    found = _of(window.keys, np.column_stack((values, pairs)), names)
    return found[:, :-1], found[:, -1]


def _of(keys: Sequence[Key], values: Ints, names: Sequence[SliceSeries]) -> Ints:
    """Return the row of each series; that of all versions together where its own did not exist yet."""
    row_of = {key: row for row, key in enumerate(keys)}
    together: dict[tuple[str, str], list[int]] = {}
    for row, (model, _, text) in enumerate(keys):
        together.setdefault((model, text), []).append(row)
    out = np.zeros((len(names), values.shape[1]), np.int64)
    for at, name in enumerate(names):
        own = row_of.get(name[:3])
        if own is not None and values[own].any():
            out[at] = values[own]
        elif (name.model, name.text) in together:
            out[at] = values[together[name.model, name.text]].sum(axis=0)
    return out


def _weekly(policy: Policy) -> list[WindowMonitor]:
    return [each for each in policy.monitors if isinstance(each, WindowMonitor) and each.weekly]
