"""The recovery store: a folder of SQLite files that the engine writes, made when missing, locked against others."""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.recovery import RecoveryConfig

from flows.logs import LOGGER
from flows.recovery.contents import check_contents
from flows.recovery.holders import Holder, held
from flows.recovery.parts import READY, WAY_OUT, StoreUnusable, check, make, parts_of, require_room
from flows.recovery.uncommitted import remove_uncommitted

WAIT_S = 30.0  # For the first process of a cluster to make the store.
POLL_S = 0.1

log = logging.getLogger(LOGGER)


class Store(msgspec.Struct, frozen=True):
    """An open store: its files, the engine's configuration, and what to call when the engine begins."""

    parts: list[Path]
    config: RecoveryConfig
    begun: Callable[[], None]


@contextmanager
def opened(folder: Path, process: int, processes: int) -> Iterator[Store]:
    """Hold the store for one process of a cluster, without snapshots that do not count; the first makes a new store.

    StoreInUse, StoreUnusable, TimeoutError, OSError.
    """
    with ExitStack() as stack:
        with _explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
            holder = stack.enter_context(held(folder, process))
            _prepare(folder, process, processes, holder)
        yield Store(
            sorted(folder.resolve().glob("part-*.sqlite3")),
            RecoveryConfig(str(folder), backup_interval=timedelta(0)),  # type: ignore[no-untyped-call]
            holder.begin,
        )


def _prepare(folder: Path, process: int, processes: int, holder: Holder) -> None:
    require_room(folder)
    if process == 0 and not (folder / READY).exists():
        # As many files as processes, written in parallel. The number can never change.
        make(folder, processes)
    deadline = time.monotonic() + WAIT_S
    while not (folder / READY).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{folder}: process 0 has not made the recovery store for {WAIT_S:.0f} s")
        time.sleep(POLL_S)
    holder.wait_for_others()
    check(folder)
    removed = remove_uncommitted(parts_of(folder))
    check_contents(parts_of(folder))
    if removed:
        log.info("snapshots that never counted removed", extra={"fields": {"snapshots": removed}})


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn errors of the disk or SQLite into ones that say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreUnusable(f"{folder}: no room for the recovery store: make some, then start again") from error
        raise
    except sqlite3.Error as error:
        raise StoreUnusable(f"{folder}: the recovery store cannot be used ({error}); {WAY_OUT}") from error
