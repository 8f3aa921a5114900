"""Is all saved state of one moment? Every step saves how far it was, and the next step compares before it goes on.

A store whose parts are of different moments would silently count messages twice or leave some out. So panes keep the
position up to which they have seen each partition, and the next input must begin there; each later step keeps how many
panes it has taken, and the next pane must be the next in order. All of this depends on the logs alone.
"""

import msgspec

NOWHERE = -1  # The position of a partition before its first message.
UNKNOWN = -2  # In state saved before positions were kept: whatever comes next is taken.


class OutOfStep(Exception):
    """Two parts of the saved state are of different moments; `found` says which, and by how much."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}: the recovery store is not of one moment, and going on would count wrongly; put back a backup "
            "of the whole folder, or name a new --recovery folder and where to start with --from"
        )


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a partition that an input covers: from `start` to before `stop`."""

    start: int
    stop: int


class SpansSeen:
    """The position up to which each partition was seen; `positions` is what is saved."""

    def __init__(self, positions: dict[str, int]) -> None:
        self.positions = positions

    def take(self, partition: str, span: Span) -> None:
        """Note the next messages of a partition. OutOfStep if they do not follow the last ones."""
        seen = self.positions.get(partition, NOWHERE)
        if seen not in (span.start, UNKNOWN):
            known, next_ = (_words(position) for position in (seen, span.start))
            raise OutOfStep(f"{partition}: the saved panes know it up to {known}, and reading goes on from {next_}")
        if seen != span.stop:
            self.positions[partition] = span.stop


def in_order(step: str, wanted: int, order: int) -> None:
    """Raise OutOfStep unless `order` is that of the pane that `step` waits for, `wanted`."""
    if wanted not in (order, UNKNOWN):
        raise OutOfStep(f"the saved {step} took {wanted} closed panes of its shard, and the next to come is {order}")


def _words(position: int) -> str:
    return "its beginning" if position == NOWHERE else f"position {position}"
