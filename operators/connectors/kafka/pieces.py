"""Messages of the client become columns piece by piece, and are freed.

A piece is so small that the next one reuses its memory, still in the processor's caches, and that Python starts no
garbage collection in between: fetched 20,000 at once, a message costs at least half as much again. Fields of messages
are read by loops in C. Small values of a piece are joined to one text, like a block of a file, which kernels read
directly.
"""

from collections.abc import Sequence
from itertools import chain
from typing import cast

import numpy as np
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, TIMESTAMP_NOT_AVAILABLE, Message

from operators.arrays import Ints
from operators.ingest.lines import Lines, TextBlock, block_of_texts
from operators.ingest.messages import NO_BOUND, Messages

PIECE = 500  # Messages fetched at once, ...
PIECE_BYTES = 1 << 20  # ... or fewer, up to so many bytes.
JOINED_MAX = 4_096  # Mean bytes of a value: larger ones hold many items, and are not worth another copy.

Beside = tuple[bytes, bytes]


class Pieces:
    """The messages of one read, in order. If a `header` is named, it is kept with the key of each message."""

    def __init__(self, header: str | None = None) -> None:
        self.messages = self.bytes = 0  # Their number, and the total size of their values.
        self._header = header
        self._values: list[TextBlock | list[bytes]] = []
        self._positions: list[Sequence[int]] = []
        self._times: list[Ints] = []
        self._tombstones = 0
        self._beside: list[Beside] = []

    def add(self, some: Sequence[Message]) -> None:
        """Take the needed fields of at least one message; none may be an error."""
        found = list(map(Message.value, some))
        missing = found.count(None)
        values = cast(list[bytes], found) if not missing else [value or b"" for value in found]
        size = sum(map(len, values))
        self._values.append(block_of_texts(values) if size <= JOINED_MAX * len(some) else values)
        self._positions.append(_positions(some))
        self._times.append(np.array(list(chain.from_iterable(map(Message.timestamp, some))), np.int64))
        self._tombstones += missing
        if self._header is not None:
            self._beside += [_beside(message, self._header) for message in some]
        self.messages += len(some)
        self.bytes += size

    def whole(self) -> Messages:
        """Return all messages taken, at least one."""
        kinds, times = np.concatenate(self._times).reshape(-1, 2).T
        return Messages(
            values=_lines(self._values),
            positions=_joined(self._positions),
            received_ms=np.where(kinds == TIMESTAMP_NOT_AVAILABLE, NO_BOUND, times),
            appended=kinds == TIMESTAMP_LOG_APPEND_TIME,
            tombstones=self._tombstones,
            beside=self._beside,
        )


def offset_of(message: Message) -> int:
    offset = message.offset()
    if offset is None:
        raise ValueError("a message without an offset")
    return offset


def _lines(values: Sequence[TextBlock | list[bytes]]) -> Sequence[bytes]:
    blocks = [each for each in values if isinstance(each, TextBlock)]
    if len(blocks) == len(values):
        return Lines(blocks)
    return [value for each in values for value in (Lines([each]) if isinstance(each, TextBlock) else each)]


def _positions(some: Sequence[Message]) -> Sequence[int]:
    first, last = offset_of(some[0]), offset_of(some[-1])
    # Offsets only grow, so without gaps the first and last tell all.
    return range(first, last + 1) if last - first + 1 == len(some) else list(map(offset_of, some))


def _joined(positions: Sequence[Sequence[int]]) -> Sequence[int]:
    first, last = positions[0][0], positions[-1][-1]
    whole = last - first + 1 == sum(map(len, positions))
    return range(first, last + 1) if whole else list(chain.from_iterable(positions))


def _beside(message: Message, header: str) -> Beside:
    """Return the key of a message, and the last value of a header, empty where there is none."""
    found = dict(message.headers() or ()).get(header)
    return _bytes(message.key()), _bytes(found)


def _bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
