"""The recovery store: a folder of SQLite files that the engine writes, made when missing, held against others."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.recovery import RecoveryConfig, init_db_dir

from flows.logs import LOGGER
from flows.recovery.holders import held
from flows.recovery.uncommitted import remove_uncommitted

WAIT_S = 30.0  # For the first process of a cluster to make the store.
POLL_S = 0.1
READY = ".ready"

log = logging.getLogger(LOGGER)


class Store(msgspec.Struct, frozen=True):
    """An open store: what the engine is given, and what to call when it begins its work."""

    config: RecoveryConfig
    begun: Callable[[], None]


@contextmanager
def opened(folder: Path, process: int, processes: int) -> Iterator[Store]:
    """Hold the store for one process of a cluster, with only what counts in it; the first makes it if it is new.

    StoreInUse, TimeoutError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder, process) as holder:
        if process == 0 and not (folder / READY).exists():
            # As many files as processes: they are written side by side. The number can never change.
            init_db_dir(folder, processes)  # type: ignore[no-untyped-call]  # A native function.
            (folder / READY).touch()
        deadline = time.monotonic() + WAIT_S
        while not (folder / READY).exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{folder}: process 0 has not made the recovery store for {WAIT_S:.0f} s")
            time.sleep(POLL_S)
        holder.wait_for_others()
        removed = remove_uncommitted(sorted(folder.resolve().glob("part-*.sqlite3")))
        if removed:
            log.info("snapshots that never counted removed", extra={"fields": {"snapshots": removed}})
        yield Store(
            RecoveryConfig(str(folder), backup_interval=timedelta(0)),  # type: ignore[no-untyped-call]
            holder.begin,
        )
