"""When is a pane complete? The watermark of a shard: the minimum over all partitions of what each has passed.

A partition's own mark is its prefix maximum of event time less the allowed disorder, so it depends on its log
alone; the minimum over partitions depends on all logs, and on nothing else. A partition that is done (a file
that ended) holds nothing open.
"""

import msgspec

NEVER = -(2**62)  # Unix ms before any event: the mark of a partition that has not spoken.
END = 2**62  # Unix ms after any event: the watermark once every partition is done.


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far one partition has come; `newest` is its largest event time, Unix ms."""

    partition: str
    newest: int = NEVER
    done: bool = False


class Watermark(msgspec.Struct, kw_only=True):
    """The marks of all `partitions`; one that has not spoken yet holds every pane open."""

    partitions: tuple[str, ...]
    disorder_ms: int
    newest: dict[str, int] = {}
    done: set[str] = set()

    def update(self, mark: Mark) -> None:
        """Take a partition's newest mark. Marks of one partition come in order and never fall."""
        self.newest[mark.partition] = mark.newest
        if mark.done:
            self.done.add(mark.partition)

    @property
    def ended(self) -> bool:
        return len(self.done) == len(self.partitions)

    @property
    def low_ms(self) -> int:
        """Every event that is not late and lies before this has come in. Unix ms."""
        return min(
            (self.newest.get(name, NEVER) - self.disorder_ms for name in self.partitions if name not in self.done),
            default=END,
        )

    @property
    def newest_ms(self) -> int:
        """The largest event time over all partitions, Unix ms; NEVER without events."""
        return max(self.newest.values(), default=NEVER)
