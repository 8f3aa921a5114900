"""After a restart: ids for detecting duplicates are read again from the partition's log; nothing is counted twice."""

from collections.abc import Callable, Generator

import numpy as np

from operators.connectors.kafka.errors import OffsetGone
from operators.connectors.reader import Reader
from operators.ingest.partition import Partition


def recall(
    partition: Partition, open_at: Callable[[int | None], Reader], position: int, forgot: Callable[[str], None]
) -> Generator[None]:
    """Read the log from where the partition's horizon begins up to before `position`; yield after each read.

    Where those messages have expired, `forgot` is called with the reason, and duplicates are not recognised.
    """
    anchor = partition.state.remembered
    if anchor is None or not partition.policy.dedup.horizon_ms:
        return
    partition.remember_from(anchor)
    if anchor.position >= position:
        return
    reader = open_at(anchor.position)
    try:
        while reader.position < position and (messages := reader.read()) is not None:
            known = int(np.searchsorted(np.asarray(messages.positions), position))
            if known:
                partition.remember(messages.part(0, known))
            yield
    except OffsetGone as error:
        there = "none" if error.available is None else f"those from {error.available[0]} on"
        forgot(
            f"duplicates of messages before {position} are not known: offset {error.offset} is gone, there are {there}"
        )
    finally:
        reader.close()
