"""Which e-processes of a canary rule are stored with a pane: those where something worth drawing has moved.

Storing them with every pane would make as many rows as panes times SLIs times slices. All traffic is stored whenever a
block of it ends. A slice is stored when its verdict changes, a bound moves on its grid, ln E moves by `STEP`, or the
candidate's events double. All processes of a release are stored where any of its verdicts changes, so that the rows of
a decision are complete. `shown_columns.py` decides which these are.
"""

from collections.abc import Collection, Iterator, Sequence

import msgspec

from operators.rules.comparison import Comparison
from operators.wire.control import Word

STEP = 0.25  # Of ln E: on a chart from 1 to 1,000 less than the width of a line.


class Process(msgspec.Struct, frozen=True):
    """What one e-process is about; `sli` is an index into the rule's SLIs, followed by the limits of measures."""

    release: Comparison
    slice: str
    sli: int


class Shown(msgspec.Struct, frozen=True):
    """What was last stored of a process: `events` of the candidate, `lower` and `upper` bounds of the odds ratio."""

    word: Word
    events: int
    log_e: float
    lower: float
    upper: float


NOTHING = Shown("INSUFFICIENT", 0, 0.0, 0.0, float("inf"))


class EvidenceLog:
    """State: what was last stored of each process, and how many strata of each release were searched for new slices."""

    def __init__(self) -> None:
        self.shown: dict[Process, Shown] = {}
        self.strata: dict[Comparison, int] = {}

    def begun_anew(self, known: Collection[Process]) -> list[Process]:
        """Return the processes of which something was stored, but which hold no evidence any more."""
        gone = [process for process, each in self.shown.items() if each != NOTHING and process not in known]
        for process in gone:
            self.shown[process] = NOTHING
        return gone

    def new(self, served: Iterator[Process]) -> list[Process]:
        """Return those processes that were never stored: a slice is served before there is anything to compare."""
        new = [process for process in dict.fromkeys(served) if process not in self.shown]
        self.shown |= dict.fromkeys(new, NOTHING)
        return new

    def forget(self, live: Collection[Comparison]) -> None:
        """Keep only these releases."""
        self.shown = {process: each for process, each in self.shown.items() if process.release in live}
        self.strata = {release: count for release, count in self.strata.items() if release in live}

    def unseen(self, release: Comparison, strata: Sequence[object]) -> int:
        """Return the first stratum of a release that was not looked at yet, and note that all now are."""
        before = self.strata.get(release, 0)
        self.strata[release] = len(strata)
        return before
