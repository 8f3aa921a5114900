"""When is a pane complete? The watermark of a shard: the minimum of the partitions' marks.

A partition's own mark is the event time it has reached (`ingest/progress.py`) less the allowed disorder, so it depends
on its log alone; the minimum over partitions depends on all logs, and on nothing else. A partition that is done (a file
that ended) holds nothing open. Nor does one whose items are far behind the broker's clock while a partition of events
is not: otherwise a sender of old events into a quiet partition would hold up everybody. Where all are behind, as in a
replay, all are waited for.
"""

from collections.abc import Sequence

import msgspec

NEVER = -(2**62)  # Unix ms before any event: the mark of a partition that has reported none yet.
END = 2**62  # Unix ms after any event.


class PartitionProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one partition has come; `newest` is the event time it has reached, Unix ms.

    `done`: it has ended. `idle`: it is read to its end and has long been silent, so it is not waited for. `behind`:
    `newest` is far behind the broker's clock at its last message. `leads`: it is a partition of events that is surely
    not behind.
    """

    partition: str
    newest: int = NEVER
    done: bool = False
    idle: bool = False
    behind: bool = False
    leads: bool = False


class Watermark(msgspec.Struct, kw_only=True):
    """The marks of all partitions; one without a mark yet holds every pane open."""

    disorder_ms: int
    marks: dict[str, PartitionProgress] = {}

    def update(self, mark: PartitionProgress, partitions: Sequence[str]) -> None:
        """Take a partition's newest mark. Marks of one partition come in order and never fall.

        `partitions` are all of the present ones: a new one holds panes open from now on, one that is gone no longer.
        """
        if self.marks.keys() != set(partitions):
            self.marks = {name: self.marks.get(name, PartitionProgress(partition=name)) for name in partitions}
        self.marks[mark.partition] = mark

    @property
    def ended(self) -> bool:
        return all(mark.done for mark in self.marks.values())

    @property
    def low_ms(self) -> int:
        """The time [Unix ms] before which all events have come in, except late ones.

        While all are idle or done, it is that of the newest partition.
        """
        led = any(mark.leads for mark in self.marks.values() if not mark.done)
        waited_for = [
            mark.newest for mark in self.marks.values() if not (mark.done or mark.idle or (led and mark.behind))
        ]
        return min(waited_for, default=self.newest_ms) - self.disorder_ms

    @property
    def resting(self) -> bool:
        """Whether all partitions have ended or one is idle: time does not wait for events that never come."""
        return self.ended or any(mark.idle for mark in self.marks.values())

    @property
    def newest_ms(self) -> int:
        """The largest time that any partition has reached, Unix ms; NEVER without any."""
        return max((mark.newest for mark in self.marks.values()), default=NEVER)
