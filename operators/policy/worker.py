"""The table [worker]: how the work is spread over shards."""

from typing import Annotated

import msgspec
from msgspec import Meta

SHARDS = 16
SHARDS_ONCE = 64  # Stores that do not say their number have this one: it was fixed then.


class Worker(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[worker]`: models are spread over `shards` by their names; None: over as many as the recovery folder has.

    As many processes can share the work. What a pane costs beyond its events grows with the number of shards, and where
    several files share a worker, with the files in each shard: so a file has its models in `spread` of the shards.
    """

    shards: Annotated[int, Meta(ge=1, le=256)] | None = None
    spread: Annotated[int, Meta(ge=1, le=256)] | None = None


def file_spread(worker: Worker, shards: int, files: int) -> int:
    """Return in how many shards each of several files has its models; by default so that about all shards are used.

    >>> [file_spread(Worker(), 16, files) for files in (1, 2, 20)], file_spread(Worker(spread=4), 16, 20)
    ([16, 8, 1], 4)
    """
    return min(worker.spread or max(1, shards // files), shards)
