"""Recognises items that a relay (`rollguard enrich`) wrote twice, by their place in the log it read.

A worker that reads one topic and writes another may be killed between writing and saving how far it was; then it writes
the same again. So it writes in order, one item per message, each with a header that says which item of which log it is:
an item at or before the last place seen of that log has come before.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from operators.ingest.messages import Messages

HEADER = "rollguard-from"
LOGS_MAX = 1_000  # Remembered per partition; beyond that the logs silent for longest are forgotten.
TEXT_MAX = 300  # Bytes of a header.
PLACE_MAX = 1 << 62  # Larger numbers could not be saved.
NOTHING = (-1, -1)

Seen = Mapping[str, tuple[int, int]]  # By log, the position of the last message seen, and the item within it.


def origin_header(log: str, position: int, item: int) -> tuple[str, bytes]:
    """Return the header of an item of a log.

    >>> origin_header("raw-1/3", 17, 0)
    ('rollguard-from', b'raw-1/3:17:0')
    """
    return HEADER, f"{log}:{position}:{item}".encode()


def copies(messages: Messages, seen: Seen) -> tuple[NDArray[np.bool_] | None, Seen]:
    """Return which messages (n,) had come before, None if none had, and what has been seen after them."""
    if not any(header for _, header in messages.beside):
        return None, seen
    again = np.zeros(len(messages), bool)
    now = dict(seen)
    for index, (_, header) in enumerate(messages.beside):
        if (origin := _origin(header)) is not None:
            log, place = origin
            last = now.pop(log, NOTHING)  # It moves to the end, as the latest one.
            again[index] = place <= last
            now[log] = max(place, last)
    for log in list(now)[:-LOGS_MAX]:
        del now[log]
    return again if again.any() else None, now


def _origin(header: bytes) -> tuple[str, tuple[int, int]] | None:
    """Return the log and the place that a header names, None if it is none of ours."""
    if not header or len(header) > TEXT_MAX:
        return None
    try:
        log, position, item = header.decode().rsplit(":", 2)
        place = int(position), int(item)
    except ValueError:
        return None
    return (log, place) if log and min(place) >= 0 and max(place) < PLACE_MAX else None
