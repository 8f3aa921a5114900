"""What was last stored and announced of the processes of a canary rule, as columns, to compare all of them at once.

`EvidenceLog.shown` and `CanaryState.announced` are the source, and saved; the columns follow from them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.evidence_log import NOTHING, STEP, Process, Shown
from operators.stats.multiple_testing import Bools
from operators.wire.control import Word

CODES: dict[Word, int] = {"INSUFFICIENT": 0, "OK": 1, "BAD": 2, "STALE": 3}


def word_codes(words: Sequence[Word]) -> Ints:
    """Return a number for each word."""
    return np.array([CODES[word] for word in words], np.int64)


class ShownColumns:
    """K processes as they were stored last: `word`, `events` (K,) and `floats` (3, K), ln E and both bounds.

    `new` (K,) marks the processes of which nothing was stored.
    """

    def __init__(self) -> None:
        self.word: Ints = np.zeros(0, np.int64)
        self.events: Ints = np.zeros(0, np.int64)
        self.floats: Floats = np.zeros((3, 0))
        self.new: Bools = np.zeros(0, bool)

    def follow(self, of: Sequence[Process], shown: Mapping[Process, Shown]) -> None:
        """Take the processes that are new since the last call; earlier ones must be the same."""
        found = [shown.get(process) for process in of[len(self.new) :]]
        if found:
            each = [NOTHING if one is None else one for one in found]
            floats = np.array([(one.log_e, one.lower, one.upper) for one in each]).T
            self.word = np.concatenate((self.word, word_codes([one.word for one in each])))
            self.events = np.concatenate((self.events, np.array([one.events for one in each], np.int64)))
            self.floats = np.concatenate((self.floats, floats), axis=1)
            self.new = np.concatenate((self.new, np.array([one is None for one in found], bool)))

    def due(self, word: Ints, events: Ints, floats: Floats, of_all: Bools, release: Ints, whole: Bools) -> Ints:
        """Return which processes are to be stored as they are now, and note them as stored.

        `of_all` (K,) are those of all traffic, `release` (K,) is the number of the release of each; all processes of
        the releases `whole` are stored.
        """
        decided = whole.copy()
        decided[release[word != self.word]] = True
        differs = floats != self.floats
        moved = self.new | differs[1:].any(axis=0) | (np.abs(floats[0] - self.floats[0]) >= STEP)
        moved |= (events >= np.maximum(2 * self.events, 1)) | (of_all & (differs[0] | (events != self.events)))
        due = np.flatnonzero(moved | decided[release])
        self.word[due], self.events[due], self.floats[:, due], self.new[due] = (
            word[due],
            events[due],
            floats[:, due],
            False,
        )
        return due


class AnnouncedColumns:
    """Of K processes, the `word` that was announced last, and the `events` it was announced at, (K,) each."""

    def __init__(self) -> None:
        self.word: Ints = np.zeros(0, np.int64)
        self.events: Ints = np.zeros(0, np.int64)

    def follow(self, of: Sequence[Process], announced: Mapping[Process, tuple[Word, int]]) -> None:
        """Take the processes that are new since the last call; earlier ones must be the same."""
        new = [announced.get(process, ("INSUFFICIENT", 0)) for process in of[len(self.word) :]]
        if new:
            self.word = np.concatenate((self.word, word_codes([word for word, _ in new])))
            self.events = np.concatenate((self.events, np.array([events for _, events in new], np.int64)))

    def changed(self, word: Ints, events: Ints, of_all: Bools) -> Ints:
        """Return and note processes with another word, and INSUFFICIENT ones of all traffic with twice the events."""
        doubled = of_all & (word == CODES["INSUFFICIENT"]) & (events >= np.maximum(2 * self.events, 1))
        changed = np.flatnonzero(doubled | (word != self.word))
        self.word[changed], self.events[changed] = word[changed], events[changed]
        return changed
