"""Readers of the messages of one input in order, whatever holds them."""

from typing import Protocol, runtime_checkable

from operators.ingest.messages import Messages


class Reader(Protocol):
    """Reads the messages of one input in order."""

    def read(self) -> Messages | None:
        """Return the next messages, an empty batch if there are none now, None at the end."""

    @property
    def position(self) -> int:
        """The position of the next message."""

    @property
    def at_end(self) -> bool:
        """Whether all present messages have been read."""

    def recheck(self) -> None:
        """Make `at_end` false until the end is confirmed anew."""

    def close(self) -> None: ...


@runtime_checkable
class BoundedReader(Protocol):
    """A reader that can be told to return at most so many messages at once."""

    messages_max: int


@runtime_checkable
class EpochReader(Protocol):
    """A reader of a log whose last messages may be replaced: a message's leader epoch shows that."""

    @property
    def leader_epoch(self) -> int | None:
        """The leader epoch of the message before `position`; None where unknown."""

    def expect(self, leader_epoch: int) -> None:
        """Make reading fail if the message before `position` is no longer of that leader epoch."""


def expecting(reader: Reader, leader_epoch: int | None) -> Reader:
    """Tell a reader, just opened at a saved position, the leader epoch saved with it; return the reader."""
    if leader_epoch is not None and isinstance(reader, EpochReader):
        reader.expect(leader_epoch)
    return reader


def leader_epoch_of(reader: Reader) -> int | None:
    return reader.leader_epoch if isinstance(reader, EpochReader) else None
