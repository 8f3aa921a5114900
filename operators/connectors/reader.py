"""What reads the messages of one input in order, whatever they lie in."""

from typing import Protocol, runtime_checkable

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


@runtime_checkable
class BoundedReader(Protocol):
    """A reader that can be told to hand on no more than so many messages at once."""

    messages_max: int


@runtime_checkable
class EpochReader(Protocol):
    """A reader of a log that may lose its last messages and get others: the leader epoch of a message tells."""

    @property
    def leader_epoch(self) -> int | None:
        """Of the message before `position`; None where nobody knows."""

    def expect(self, leader_epoch: int) -> None:
        """Have reading fail if the message before `position` is not one of that leader epoch any more."""


def expecting(reader: Reader, leader_epoch: int | None) -> Reader:
    """Return a reader that has just been opened at a saved position, told the leader epoch that was saved with it."""
    if leader_epoch is not None and isinstance(reader, EpochReader):
        reader.expect(leader_epoch)
    return reader


def leader_epoch_of(reader: Reader) -> int | None:
    return reader.leader_epoch if isinstance(reader, EpochReader) else None
