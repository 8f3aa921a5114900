"""The options of one process of a worker, from its command line."""

from pathlib import Path
from typing import Literal

import msgspec

Start = Literal["beginning", "end"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`addresses` are those of all processes, none for a single one; `page` is the live page's, in the first one."""

    recovery: Path
    start: Start = "beginning"
    epoch_s: float = 2.0
    listen: str = "127.0.0.1:9464"
    process: int = 0
    addresses: tuple[str, ...] = ()
    page: str | None = None

    @property
    def processes(self) -> int:
        return max(len(self.addresses), 1)

    @property
    def shared_epoch_s(self) -> float:
        """The length of the epochs in which several processes wait for each other, 0 for a single one."""
        return self.epoch_s if self.processes > 1 else 0.0
