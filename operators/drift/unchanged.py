"""Which results of successive windows are stored: one that repeats the last has no row of its own.

A result has a row where it is BAD, is of all traffic, or has another word than the last stored row of its field: so the
first one has a row, and so has the end of a finding. All others share one row for their series and window.

State: by monitor and series the words stored last; some 20 bytes a field when saved.
"""

from collections.abc import Sequence

import msgspec

from operators.drift.results import Drift, SeriesWindow
from operators.wire.control import Word

Place = tuple[str, str, str, str]  # Monitor, model, version, slice.


class StoredWords(msgspec.Struct, kw_only=True):
    """For one monitor and series: by field the word of the last stored row; `end` of the last window, Unix ms."""

    end: int = 0
    words: dict[str, Word] = {}


class Unchanged(msgspec.Struct, kw_only=True):
    """Separates results with a row of their own from repeated ones."""

    stored: dict[Place, StoredWords] = {}

    def split(self, drifts: Sequence[Drift]) -> tuple[list[Drift], list[SeriesWindow]]:
        """Take a monitor's results in a window; return those with a row of their own, and all of them by series."""
        rows: list[Drift] = []
        found: dict[Place, list[Drift]] = {}
        unchanged: dict[Place, list[Drift]] = {}
        for drift in drifts:
            place = (drift.monitor, *drift.series[:3])
            found.setdefault(place, []).append(drift)
            known = self.stored.setdefault(place, StoredWords())
            known.end = drift.end
            if drift.word == "BAD" or not drift.series.dims or known.words.get(drift.field) != drift.word:
                known.words[drift.field] = drift.word
                rows.append(drift)
            else:
                unchanged.setdefault(place, []).append(drift)
        return rows, [
            SeriesWindow(found=tuple(each), unchanged=tuple(unchanged.get(place, ()))) for place, each in found.items()
        ]

    def forget(self, before: int) -> None:
        """Forget series whose last window ended before `before`."""
        self.stored = {place: known for place, known in self.stored.items() if known.end >= before}
