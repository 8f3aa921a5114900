"""Labels of a release grouped by when their requests were made, so that both versions are compared at the same age.

A block is the requests of some panes, and those of their labels that came within the age called mature, so that
labels of both versions have had the same time to come. A block is complete when its last request is that old, whatever
came meanwhile. The age is set by the policy, or learned from the baseline's labels
(`label_delays.py`). A block's age is known before its first request, from labels that came before: no label of a block
decides what the block is, so its e-values keep their promise. Until the age is believed it may grow from block to
block, and nothing is promoted; once it is believed it is frozen for the release.

A label that does not say when its request was made counts as if it was made when the label came.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.rules.label_delays import HISTORY, Delays
from operators.rules.label_pace import LabelPace
from operators.rules.missing_labels import LONG
from operators.window.label_ages import UNDATED, LabelAges
from operators.wire.control import Maturity

BLOCKS = 60  # Blocks per age: about this many wait at once; each lasts age / BLOCKS, rounded to a multiple of `least`.
Values = tuple[str, ...]  # A finest slice, by the values of all dimensions.
Counts = tuple[int, int, int]  # Labels, bad ones, and those that do not say when their requests were made.
Arms = tuple[dict[Values, Counts], dict[Values, Counts]]  # Of candidate and baseline.
Requests = tuple[dict[Values, int], dict[Values, int]]
Blocks = dict[tuple[int, int], Arms]  # By the number of the stretch, and of the block in it.


class Stretch(msgspec.Struct, frozen=True):
    """From pane `begins` on, blocks last `panes` panes and are cut at `age` panes; once `believed` the age is final."""

    begins: int
    age: int
    panes: int
    believed: bool


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of `requests` from pane `begins` on, at the mature age, or if `late` at twice that age.

    `renewed`: the age of this block is believed, and was smaller for blocks before it.
    """

    begins: int
    panes: int
    arms: Arms
    renewed: bool
    requests: Requests = ({}, {})
    late: bool = False

    @property
    def labels(self) -> tuple[dict[Values, tuple[int, int]], dict[Values, tuple[int, int]]]:
        """Return labels, and how many of them are bad, of candidate and baseline."""
        candidate, baseline = ({values: (n, bad) for values, (n, bad, _) in arm.items()} for arm in self.arms)
        return candidate, baseline


class Cohorts(msgspec.Struct, kw_only=True):
    """One release and SLI. `waiting` are the blocks under way, `later` those at twice the age, with their `requests`.

    `taken` is the stretch of the last complete block, `youngest` the smallest age that still counts. `undated` is the
    number of labels in the blocks that do not say when their request was made; `dated` says whether any did. `renewed`:
    blocks that were too young have been thrown away. `pace` says whether the candidate's labels come later. The
    comparison has `lasted` so many panes.
    """

    begins: int
    pane_ms: int
    least: int
    age_set: int | None
    stretches: list[Stretch] = []
    waiting: Blocks = {}
    taken: int = 0
    youngest: int | None = None
    undated: int = 0
    dated: bool = False
    renewed: bool = False
    pace: LabelPace = msgspec.field(default_factory=LabelPace)
    lasted: int = 0
    later: Blocks = {}
    requests: dict[tuple[int, int], Requests] = {}

    def learn(self, pane: int, baseline: Delays | None) -> None:
        """Take the age that the baseline's labels taught before this pane, for blocks that begin in it or later."""
        believed = self.age_set is not None
        if self.stretches and self.stretches[-1].believed:
            return
        age = self.age_set or 0
        if baseline is not None and not believed:
            age, believed = baseline.age, baseline.believed(self.pane_ms)
            self.dated = True
        if not self.stretches:
            self.stretches.append(self._stretch(self.begins, age, believed))
        elif age > self.stretches[-1].age or believed:
            last = self.stretches[-1]
            new = self._stretch(pane, max(age, last.age), believed)
            # This cuts short neither a block that has begun, nor one of its own.
            ends = max(last.begins, -(-pane // last.panes) * last.panes)
            begins = max(self.begins, -(-ends // new.panes) * new.panes)
            self.stretches.append(msgspec.structs.replace(new, begins=begins))

    def add(self, pane: int, arm: int, labels: LabelAges, slices: Sequence[Values]) -> None:
        """Take the labels of candidate (0) or baseline (1) that came in a pane; `slices` are those of their rows."""
        self.dated = self.dated or bool((labels.age != UNDATED).any())
        requested = pane - labels.lag
        at = np.searchsorted([each.begins for each in self.stretches], requested, "right") - 1
        ages = np.array([each.age for each in self.stretches], np.int64)[at]
        kept = (at >= 0) & (labels.age <= ages)
        self.pace.add(arm, LabelAges(*(column[at >= 0] for column in labels)), ~kept[at >= 0])
        panes = np.array([each.panes for each in self.stretches], np.int64)[at]
        keys = np.column_stack((at, requested // panes, labels.row))
        own_time = np.where(labels.age == UNDATED, labels.n, 0)
        counts = np.column_stack((labels.n, labels.n * labels.bad, own_time))
        for blocks, some in ((self.waiting, kept), (self.later, (at >= 0) & (labels.age <= HISTORY * ages))):
            _count(blocks, arm, keys[some], counts[some], slices)

    def add_requests(self, pane: int, arm: int, requests: Mapping[Values, int]) -> None:
        """Take the requests of candidate (0) or baseline (1) that were made in a pane."""
        stretch = bisect_right(self.stretches, pane, key=lambda each: each.begins) - 1
        if stretch >= 0 and requests:
            key = stretch, pane // self.stretches[stretch].panes
            counted = self.requests.setdefault(key, ({}, {}))[arm]
            for values, n in requests.items():
                counted[values] = counted.get(values, 0) + n

    def take(self, pane: int) -> list[Block]:
        """Return the blocks that are complete with the end of a pane, in order; those at twice the age come last."""
        self.lasted = pane + 1 - self.begins
        return [*self._mature(pane), *self._late(pane)] if self.waiting or self.later or self.requests else []

    def _mature(self, pane: int) -> list[Block]:
        blocks = []
        for key in sorted(self.waiting):
            begins, ends, stretch = self._span(*key)
            if ends - 1 + stretch.age > pane:
                continue
            arms = self.waiting.pop(key)
            renewed = stretch.believed and self.youngest is not None and self.youngest < stretch.age
            self.youngest = stretch.age if renewed or self.youngest is None else self.youngest
            self.renewed = self.renewed or renewed
            self.taken = key[0]
            self.undated += sum(own for arm in arms for _, _, own in arm.values())
            requests = self.requests.get(key, ({}, {}))
            blocks.append(Block(begins=begins, panes=stretch.panes, arms=arms, renewed=renewed, requests=requests))
        return blocks

    def _late(self, pane: int) -> list[Block]:
        """Return the blocks at twice the age; not those of an age not yet believed, once such were thrown away."""
        blocks = []
        for key in sorted(self.later.keys() | self.requests.keys()):
            begins, ends, stretch = self._span(*key)
            if ends - 1 + HISTORY * stretch.age > pane:
                continue
            arms, requests = self.later.pop(key, ({}, {})), self.requests.pop(key, ({}, {}))
            if any(arms) and (stretch.believed or not self.renewed):
                late = Block(begins=begins, panes=stretch.panes, arms=arms, renewed=False, requests=requests, late=True)
                blocks.append(late)
        return blocks

    @property
    def mature(self) -> bool:
        """Whether the age of the blocks taken is believed, or no label says when its request was made."""
        return not self.dated or self.stretches[self.taken].believed

    @property
    def may_promote(self) -> bool:
        """Whether the blocks taken may promote: they are mature, and the candidate has served for twice their age.

        By then labels of the candidate that come later than the baseline's have begun to show.
        """
        return self.mature and (not self.dated or self.lasted >= HISTORY * self.stretches[self.taken].age)

    @property
    def has_waited(self) -> bool:
        """Whether labels that come much later have begun to come; where the policy sets the age, there are none."""
        return self.age_set is not None or self.lasted >= LONG * self.stretches[self.taken].age

    @property
    def maturity(self) -> Maturity:
        """Return how old labels were when they were compared."""
        age_ms = self.stretches[self.taken].age * self.pane_ms
        return Maturity(age_ms=age_ms, learned=self.age_set is None, final=self.mature, undated=self.undated)

    @property
    def quiet(self) -> bool:
        """Whether no labels become mature as time passes."""
        return not (self.waiting or self.later)

    def _stretch(self, begins: int, age: int, believed: bool) -> Stretch:
        panes = -(-max(age // BLOCKS, 1) // self.least) * self.least
        return Stretch(begins, age, panes, believed)

    def _span(self, stretch: int, number: int) -> tuple[int, int, Stretch]:
        """Return the first pane of a block, the one after its last, and its stretch."""
        here = self.stretches[stretch]
        begins, ends = max(number * here.panes, here.begins), (number + 1) * here.panes
        if stretch + 1 < len(self.stretches):
            ends = min(ends, self.stretches[stretch + 1].begins)
        return begins, ends, here


def _count(blocks: Blocks, arm: int, keys: Ints, counts: Ints, slices: Sequence[Values]) -> None:
    """Add labels to blocks: `keys` (K, 3) are stretch, number of the block, row of the slice; `counts` (K, 3)."""
    if not len(keys):
        return
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    sums = np.zeros((len(distinct), 3), np.int64)
    np.add.at(sums, which.ravel(), counts)
    for (stretch, number, row), (n, bad, own) in zip(distinct.tolist(), sums.tolist(), strict=True):
        counted = blocks.setdefault((stretch, number), ({}, {}))[arm]
        before = counted.get(slices[row], (0, 0, 0))
        counted[slices[row]] = before[0] + n, before[1] + bad, before[2] + own
