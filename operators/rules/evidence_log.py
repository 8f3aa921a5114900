"""Which e-processes of a canary rule are stored with a pane: those of which something worth drawing has moved.

Stored of every pane they would be as many rows as panes, SLIs and slices multiplied. All traffic is stored whenever a
block of it ended. A slice is when its verdict changed, a bound moved on its grid, ln E moved by `STEP`, or the
candidate's events doubled. All of a release are where any verdict of it changed: the rows of a decision are complete.
Which these are `shown_columns.py` says.
"""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from operators.rules.comparison import Comparison
from operators.wire.control import Word

STEP = 0.25  # Of ln E: on a chart from 1 to 1,000 less than the width of a line.


class Process(msgspec.Struct, frozen=True):
    """What one e-process is about; `sli` is an index into the rule's SLIs, and behind them the limits of measures."""

    release: Comparison
    slice: str
    sli: int


class Shown(msgspec.Struct, frozen=True):
    """What was stored last of a process: `events` of the candidate, `lower` and `upper` bounds of the odds ratio."""

    word: Word
    events: int
    log_e: float
    lower: float
    upper: float


NOTHING = Shown("INSUFFICIENT", 0, 0.0, 0.0, float("inf"))


class EvidenceLog:
    """State: what was stored last of each process; in how many strata of each release new slices were looked for."""

    def __init__(self) -> None:
        self.shown: dict[Process, Shown] = {}
        self.strata: dict[Comparison, int] = {}

    def begun_anew(self, known: Collection[Process]) -> list[Process]:
        """Return processes of which something was stored, and which hold no evidence any more."""
        gone = [process for process, each in self.shown.items() if each != NOTHING and process not in known]
        for process in gone:
            self.shown[process] = NOTHING
        return gone

    def new(self, served: Iterator[Process]) -> list[Process]:
        """Return which of these were never stored: a slice is served before there is anything to compare."""
        new = [process for process in dict.fromkeys(served) if process not in self.shown]
        self.shown |= dict.fromkeys(new, NOTHING)
        return new

    def forget(self, live: Collection[Comparison]) -> None:
        """Keep only these releases."""
        self.shown = {process: each for process, each in self.shown.items() if process.release in live}
        self.strata = {release: count for release, count in self.strata.items() if release in live}

    def unseen(self, release: Comparison, strata: Sequence[object]) -> int:
        """Return from which stratum of a release on none was looked at, and note that all now are."""
        before = self.strata.get(release, 0)
        self.strata[release] = len(strata)
        return before
