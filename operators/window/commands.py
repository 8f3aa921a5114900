"""Commands on their way to the pane with which they take effect."""

from collections.abc import Iterable

from operators.control import Ack, AnyCommand, Override, Refusal, Release
from operators.events import ms_of
from operators.window.watermark import END, NEVER

Said = AnyCommand | Refusal
# A silence of every model goes to all shards, also to those without any model: it wakes none of them.
WAKING = (Release, Override, Ack, Refusal)


class Waiting:
    """What was said to a shard, with the pane that each takes effect with; all of it is saved."""

    def __init__(self, said: Iterable[tuple[int, Said]] = ()) -> None:
        self.said = list(said)

    def panes(self, closed: int) -> set[int]:
        """Return the panes that commands wait for: where theirs has closed already, the next one to close."""
        if closed != NEVER:
            return {max(closing, closed + 1) for closing, _ in self.said}
        # Refused before its log had reached any time, a command waits for the first pane there is.
        return {closing for closing, said in self.said if isinstance(said, WAKING) and closing > 0}

    def take(self, pane: int) -> tuple[Said, ...]:
        """Take out what takes effect with this pane, in an order that depends on nothing but what was said."""
        due = [said for closing, said in self.said if closing <= pane]
        self.said = [(closing, said) for closing, said in self.said if closing > pane]
        return tuple(sorted(due, key=order_of))


def order_of(said: Said) -> tuple[int, str, int, int]:
    """Commands by time and id, and after them the refusals by where they stood."""
    if isinstance(said, Refusal):
        return END, said.source, said.position, said.item
    return ms_of(said.ts), said.id, 0, 0
