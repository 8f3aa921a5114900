"""What is stored of windows that are judged one after the other: what says the same again has no row of its own.

A finding has a row where it is BAD, is of all traffic, or says another word than the row of its field that was stored
last: so the first one has, and the one that ends a finding. All others stand in one row for their series and window.

State: by monitor and series the words that were stored last; some 20 bytes a field when saved.
"""

from collections.abc import Sequence

import msgspec

from operators.drift.results import Drift, SeriesWindow
from operators.wire.control import Word

Place = tuple[str, str, str, str]  # Monitor, model, version, slice.


class StoredWords(msgspec.Struct, kw_only=True):
    """Of one monitor and series: by field the word of the row stored last; `end` of the last window, Unix ms."""

    end: int = 0
    words: dict[str, Word] = {}


class Unchanged(msgspec.Struct, kw_only=True):
    """Tells what has a row of its own from what says the same again."""

    stored: dict[Place, StoredWords] = {}

    def split(self, drifts: Sequence[Drift]) -> tuple[list[Drift], list[SeriesWindow]]:
        """Take what a monitor found in a window; return what has a row of its own, and all of it by series."""
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
        """Forget series whose last window ended before then."""
        self.stored = {place: known for place, known in self.stored.items() if known.end >= before}
