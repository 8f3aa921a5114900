"""How long labels of a version take to come, learned from past labels, good and bad ones apart.

Bad labels are few, and may be the slow ones: a complaint comes later than a click. So the mature age is the larger of
two ages: those by which nine in ten of the good labels had come, and nine in ten of the bad ones. Slow labels of late
requests have not come yet, so the age is believed only once labels have been coming for twice as long, with enough of
both kinds, or for a day. Delays are counted in panes, in steps of an eighth; labels a week old count half.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.rules.labels import Labels
from operators.spans import DAY_MS
from operators.window.label_ages import LAG_MAX
from operators.window.pane_lengths import PaneLengths

COMES = 0.9  # Of the labels of each kind, by the mature age.
ENOUGH = 10  # Labels of each kind.
HISTORY = 2  # How many times the age labels must have been coming for.
HALVING_MS = 7 * DAY_MS
VERSIONS_MAX = 2_000  # In a shard; those with the latest labels are kept.
# Ages, in panes, at which steps end: 0, 1, 2, ... and, where an eighth is more than one, times 9/8.
_EDGES = np.ceil(1.125 ** np.arange(102)).clip(max=LAG_MAX + 1)
STEPS: Ints = np.unique(np.concatenate([[0.0], _EDGES])).astype(np.int64)


class Delays(msgspec.Struct, kw_only=True):
    """What is known of one version and SLI: `counts` (2, steps) of good and bad labels by age.

    `first` is the pane of the first request that had a label, `last` that in which the last label came.
    """

    first: int
    last: int
    counts: list[list[int]]

    def add(self, pane: int, pane_ms: int, first: int, counts: Ints) -> None:
        halvings = pane * pane_ms // HALVING_MS - self.last * pane_ms // HALVING_MS
        self.first, self.last = min(self.first, first), pane
        self.counts = ((np.array(self.counts) >> min(halvings, 62)) + counts).tolist()

    @property
    def age(self) -> int:
        """Return the age at which labels are mature, in panes, from those seen so far; 0 before any."""
        counts = np.array(self.counts)
        reached = np.cumsum(counts, axis=1) >= COMES * counts.sum(axis=1, keepdims=True)
        ages: Ints = np.where(counts.any(axis=1), STEPS[reached.argmax(axis=1)], 0)
        return int(ages.max())

    def believed(self, pane_ms: int) -> bool:
        """Whether the age can be trusted not to change with more labels."""
        history = self.last - self.first
        enough = min(sum(each) for each in self.counts) >= ENOUGH or history * pane_ms >= DAY_MS
        return enough and history >= HISTORY * self.age

    def renumber(self, lengths: PaneLengths) -> None:
        """Change to panes of another length; an age is rounded up to whole ones."""
        self.first, self.last = lengths.pane(self.first), lengths.pane(self.last)
        ages = np.minimum(-(-STEPS * lengths.before // lengths.now), STEPS[-1])
        step = np.searchsorted(STEPS, ages)
        self.counts = [np.bincount(step, each, len(STEPS)).astype(np.int64).tolist() for each in self.counts]


class LabelDelays(msgspec.Struct, kw_only=True):
    """The delays of each (model, version, SLI number) that had labels which say when their requests were made."""

    known: dict[tuple[str, str, int], Delays] = {}

    def renumber(self, lengths: PaneLengths) -> None:
        """Change to panes of another length."""
        for delays in self.known.values():
            delays.renumber(lengths)

    def add(self, pane: int, pane_ms: int, labels: Labels) -> None:
        """Take the labels that came in a pane."""
        for (model, version, sli), (first, counts) in _by_version(pane, labels).items():
            key = model, version, sli
            delays = self.known.pop(key, None) or Delays(first=first, last=pane, counts=(counts * 0).tolist())
            delays.add(pane, pane_ms, first, counts)
            self.known[key] = delays
        if len(self.known) > VERSIONS_MAX:
            newest = sorted(self.known.items(), key=lambda item: (-item[1].last, item[0]))
            self.known = dict(newest[:VERSIONS_MAX])


def _by_version(pane: int, labels: Labels) -> Mapping[tuple[str, str, int], tuple[int, Ints]]:
    """Return the first request's pane and the counts (2, steps) of every version and SLI with dated labels."""
    dated = labels.ages.age >= 0
    if not dated.any():
        return {}
    row, sli, bad, lag, age, n = (column[dated] for column in labels.ages)
    versions = {(name.model, name.version): 0 for name in labels.names}
    number = {version: index for index, version in enumerate(sorted(versions))}
    of = np.array([number[name.model, name.version] for name in labels.names], np.int64)[row]
    slis = int(sli.max()) + 1
    counts = np.zeros((len(number), slis, 2, len(STEPS)), np.int64)
    np.add.at(counts, (of, sli, bad, np.searchsorted(STEPS, age)), n)
    lags = np.zeros((len(number), slis), np.int64)
    np.maximum.at(lags, (of, sli), lag)
    return {
        (*version, each): (pane - int(lags[index, each]), counts[index, each])
        for version, index in number.items()
        for each in range(slis)
        if counts[index, each].any()
    }
