"""What reads the messages of one input in order, whatever they lie in."""

from typing import Protocol

from operators.ingest.messages import Messages


class Reader(Protocol):
    """Reads the messages of one input in order."""

    def read(self) -> Messages | None:
        """Return some next messages, none at the moment as no messages, or None at the end."""

    @property
    def position(self) -> int:
        """The position of the next message."""

    @property
    def at_end(self) -> bool:
        """Whether all there is at the moment has been read."""

    def recheck(self) -> None:
        """Make `at_end` false until it is known anew that there is no more."""

    def close(self) -> None: ...
