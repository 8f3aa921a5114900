"""The saved state of an input: where it continues after a restart, and what it remembers of earlier items."""

import msgspec

from operators.ingest.placing import PartitionState


class SavedInput(msgspec.Struct, frozen=True, kw_only=True):
    """The log and position where a partition continues after a restart; `idle`: it was not waited for.

    `leader_epoch` is that of the last message taken, None where it is unknown.
    """

    position: int
    state: PartitionState
    idle: bool = False
    log_id: str = ""
    leader_epoch: int | None = None
