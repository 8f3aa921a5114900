"""Placing: what time each item of a partition has, whether it is late, refused or a duplicate; and how time advances.

Late means older than the time its own partition has reached (`progress.py`) by more than the allowed disorder, so it
does not depend on batches, other partitions or clocks. All streams that a partition carries move one time, in the order
of its log. The rest of the items does not matter here: they are summarised afterwards (`streams/`).
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, joined_columns
from operators.ingest.behind_share import BehindShare
from operators.ingest.duplicates import START, Anchor, Duplicates
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.origin import Origin, Reject
from operators.ingest.late_share import LateShare
from operators.ingest.messages import Messages
from operators.ingest.passed import NOBODY, Passed, time_passed
from operators.ingest.progress import Recent
from operators.ingest.refused_share import RefusedShare
from operators.ingest.relayed import Seen, copies
from operators.policy.policy import Policy
from operators.window.pane_lengths import PaneLengths
from operators.window.watermark import NEVER

AHEAD_MAX = 300  # Panes of one partition that events may open ahead of its time by more than the tolerance.

Reasons = Mapping[int, tuple[str, str]]  # By index of an item: why it is refused, reason and detail.
Kept = NDArray[np.bool_]


class PartitionState(msgspec.Struct, kw_only=True):
    """`newest` [Unix ms] is the time that the partition has reached, by its `recent` events; `furthest` is the largest.

    `ahead` are panes that events have opened far ahead of that time. `appended` [Unix ms] is the broker's time of the
    last message, NEVER where it stamps none. `relayed` has the places seen of other logs.
    """

    newest: int = NEVER
    appended: int = NEVER
    remembered: Anchor | None = None
    recent: Recent = Recent()
    furthest: int = NEVER
    ahead: tuple[int, ...] = ()
    late_share: LateShare = msgspec.field(default_factory=LateShare)
    refused_share: RefusedShare = msgspec.field(default_factory=RefusedShare)
    behind_share: BehindShare = msgspec.field(default_factory=BehindShare)
    relayed: Seen = {}


def renumbered(state: PartitionState, lengths: PaneLengths) -> PartitionState:
    """Return the state with the numbers of panes of another length."""
    ahead = tuple(dict.fromkeys(lengths.pane(pane) for pane in state.ahead))
    return msgspec.structs.replace(state, ahead=ahead)


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for n items: which are kept (n,), where these belong, why others are refused, how time advanced.

    Items that are neither kept nor refused had come before; `duplicates` is their number. `repeated` marks the kept
    items whose criterion of their request was judged before; None: no item.
    """

    keep: Kept
    times: EventTimes
    rejects: list[Reject]
    passed: Passed
    repeated: Kept | None = None

    @property
    def duplicates(self) -> int:
        return len(self.keep) - len(self.rejects) - int(self.keep.sum())


class Placing:
    """Places the items of one partition, in the order of its log. `state` is all it keeps but for duplicates."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.state = PartitionState()
        self.remember_from(START)

    def begin(self, messages: Messages) -> Kept | None:
        """Note the next messages; return which of them (n,) were relayed before, None if none was."""
        again, self.state.relayed = copies(messages, self.state.relayed)
        self._duplicates.begin(messages.positions[0])
        return again

    def end(self, messages: Messages) -> None:
        """Note that all items of these messages are placed."""
        self.state.appended = messages.appended_at(-1)
        self.state.remembered = self._duplicates.anchor

    def remember_from(self, anchor: Anchor) -> None:
        """Begin to remember items from the anchor on: they do not count again."""
        dedup = self.policy.dedup
        self._duplicates = Duplicates(dedup.horizon_ms, dedup.ids_max, self.policy.outliers, anchor)
        self._criteria = Duplicates(dedup.horizon_ms, dedup.ids_max, self.policy.outliers, anchor)

    def place(
        self,
        times: Ints,
        origin: Origin,
        reasons: Reasons,
        ids: Ints | None,
        twice: Kept | None = None,
        criteria: Ints | None = None,
    ) -> Placed:
        """Decide for every item, (n,), by its time: kept and in which pane, or refused and why.

        Items in `reasons` are refused already. `ids` identify items, 0 where an item cannot be a duplicate; None: none
        can. Items that were sent `twice` are remembered like all others, and dropped. `criteria` identify the request
        and criterion that an item judges, 0 where it judges none.
        """
        refused = dict(reasons)
        keep = np.ones(len(times), bool)
        keep[list(refused)] = False
        repeated = self._drop_again(keep, times, ids, criteria)
        if twice is not None:
            keep &= ~twice
            refused = {index: reason for index, reason in refused.items() if not twice[index]}
        before, passed = self._advance(keep, times, origin)
        for index in np.flatnonzero(keep & (times < before - self.policy.late_horizon_ms)).tolist():
            refused[index] = "too_late", f"{before[index] - times[index]} ms behind its partition"
            keep[index] = False
        self._bound(times, before, keep, refused)
        self.state.furthest = max(self.state.furthest, int(times[keep].max(initial=NEVER)))
        late = times < before - self.policy.disorder_ms
        pane = times // self.policy.pane_ms
        closing = np.where(late, before // self.policy.pane_ms, pane)
        every = EventTimes(time=times, closing=closing, pane=pane, late=late.astype(np.int64))
        return Placed(
            keep=keep,
            times=every if keep.all() else every.of(np.flatnonzero(keep)),
            rejects=[origin.reject(index, *reason) for index, reason in sorted(refused.items())],
            passed=passed,
            repeated=None if repeated is None else repeated[keep],
        )

    def remember(
        self, times: Ints, origin: Origin, reasons: Reasons, ids: Ints | None, criteria: Ints | None = None
    ) -> None:
        """Remember items counted before the restart, so that later copies are recognised; time does not move."""
        state, self.state = self.state, msgspec.structs.replace(self.state)
        self.place(times, origin, reasons, ids, criteria=criteria)
        self.state = state

    def remember_begins(self, messages: Messages) -> None:
        """Note that the next items to be remembered are from these messages."""
        self._duplicates.begin(messages.positions[0])

    def _drop_again(self, keep: Kept, times: Ints, ids: Ints | None, criteria: Ints | None) -> Kept | None:
        """Drop duplicates: they move no time, and are never late.

        Return the items whose criterion came before. Both memories take the same items, so that they reach equally far.
        """
        if ids is None:
            return None
        if criteria is None and keep.all() and ids.all():
            keep &= ~self._duplicates.again(ids, times)
            return None
        known = np.flatnonzero(keep & (ids != 0))
        keep[known[self._duplicates.again(ids[known], times[known])]] = False
        if criteria is None:
            return None
        repeated = np.zeros(len(times), bool)
        repeated[known] = self._criteria.again(np.where(criteria != 0, criteria, ids)[known], times[known])
        return np.asarray(repeated & (criteria != 0), bool)

    def _advance(self, keep: Kept, times: Ints, origin: Origin) -> tuple[Ints, Passed]:
        """Advance the partition's time; return what it was before each item, (n,) [Unix ms].

        A refused item must not advance time: one bad clock would make everybody else late.
        """
        moving, message_of = times, origin.messages_of
        if not keep.all():
            moving, message_of = times[keep], message_of[keep]
        seen, passed, self.state.recent = time_passed(
            self.state.newest, self.state.recent, moving, message_of, origin.messages, self.policy
        )
        before: Ints = seen[:-1] if len(moving) == len(times) else seen[np.cumsum(keep) - keep]
        late = times < before - self.policy.disorder_ms
        self.state.newest = int(seen[-1])
        return before, msgspec.structs.replace(passed, late=late[keep])

    def _bound(self, times: Ints, before: Ints, keep: Kept, reasons: dict[int, tuple[str, str]]) -> None:
        """Refuse events far ahead of their partition that would open more than AHEAD_MAX panes there.

        After a pause a few events are far ahead, and their panes are kept until time catches up; an endless run of
        wrong timestamps would fill the memory.
        """
        pane_ms, far = self.policy.pane_ms, before + self.policy.future_ms
        for index in np.flatnonzero(keep & (before > NEVER) & (times > far)).tolist():
            pane = int(times[index]) // pane_ms
            if pane in self.state.ahead:
                continue
            self.state.ahead = tuple(each for each in self.state.ahead if each * pane_ms > far[index])
            if len(self.state.ahead) < AHEAD_MAX:
                self.state.ahead += (pane,)
                continue
            reasons[index] = "future_timestamp", f"{times[index] - before[index]} ms ahead of its partition, like many"
            keep[index] = False

    def reached(self, messages: Messages, index: int) -> int:
        """Return the time that the log has reached; before its first item the broker's, where it stamps messages."""
        reached = max(self.state.newest, self.state.furthest)
        return messages.appended_at(index) if reached == NEVER else reached

    @property
    def behind_ms(self) -> int | None:
        """How far the partition's time is behind the broker's clock at its last message; None where that is unknown."""
        # Old events move time only once several have come: until then the newest event bounds the distance.
        reached = self.state.furthest if self.state.newest == NEVER else self.state.newest
        return None if NEVER in (reached, self.state.appended) else self.state.appended - reached


def joined_passed(passed: Sequence[Passed], newest: int) -> Passed:
    """Return how time advanced over several chunks; `time` begins with the time before them."""
    return Passed(
        after=joined_columns([each.after for each in passed]),
        step=joined_columns([each.step for each in passed]),
        time=np.concatenate([np.array([newest]), *(each.time for each in passed)]),
        times=joined_columns([each.times for each in passed]),
        appended=joined_columns([each.appended for each in passed]),
        late=np.concatenate([NOBODY, *(each.late for each in passed)]),
    )
