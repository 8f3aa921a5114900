"""What is saved of an input: where it goes on after a restart, and what it remembers of what came before."""

import msgspec

from operators.ingest.placing import PartitionState


class SavedInput(msgspec.Struct, frozen=True, kw_only=True):
    """Where in which log a partition goes on after a restart; `idle` says that nobody waited for it.

    `leader_epoch` is that of the last message that was taken, None where nobody knows.
    """

    position: int
    state: PartitionState
    idle: bool = False
    log_id: str = ""
    leader_epoch: int | None = None
