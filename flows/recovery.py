"""The recovery store: a folder of SQLite files that the engine writes, made when missing, held against others."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig, init_db_dir

WAIT_S = 30.0  # For the first process of a cluster to make the store.
POLL_S = 0.1
READY = ".ready"


class StoreInUse(Exception):
    """Another worker goes on from this store; two would write over each other's state."""


@contextmanager
def opened(folder: Path, process: int, processes: int) -> Iterator[RecoveryConfig]:
    """Hold the store for one process of a cluster; the first makes it if it is new. StoreInUse, TimeoutError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".lock-{process}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreInUse(f"{folder}: another worker is using this recovery store") from error
        if process == 0 and not (folder / READY).exists():
            # As many files as processes: they are written side by side. The number can never change.
            init_db_dir(folder, processes)  # type: ignore[no-untyped-call]  # A native function.
            (folder / READY).touch()
        deadline = time.monotonic() + WAIT_S
        while not (folder / READY).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{folder}: process 0 has not made the recovery store for {WAIT_S:.0f} s")
            time.sleep(POLL_S)
        yield RecoveryConfig(str(folder), backup_interval=timedelta(0))  # type: ignore[no-untyped-call]
