"""Who holds a recovery store: one process under each number, and which of them are at work.

A starting process may share the store with other starting processes, its peers: none of them writes before all have
met. A process at work is left over from the run before; as long as it lives it may still write, and the store's
contents prove nothing. Locks end with the process that holds them, however it ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 20.0  # For processes of the run before to end.
LOCK_WAIT_S = 1.0  # Another starting process holds the lock for a moment to test it.
POLL_S = 0.05
AT_WORK = b"at work\n"


class StoreInUse(Exception):
    """Another worker uses this store; two would overwrite each other's state."""


class Holder:
    """What one process holds of the store."""

    def __init__(self, folder: Path, own: Path, lock: int) -> None:
        self._folder, self._own, self._lock = folder, own, lock

    def begin(self) -> None:
        """Mark this process as at work from now on."""
        os.pwrite(self._lock, AT_WORK, 0)

    def wait_for_others(self) -> None:
        """Wait until no other process is at work. StoreInUse if one does not end."""
        deadline = time.monotonic() + WAIT_S
        while busy := [path.name for path in self._folder.glob(".lock-*") if path != self._own and _at_work(path)]:
            if time.monotonic() > deadline:
                numbers = ", ".join(sorted(name.removeprefix(".lock-") for name in busy))
                raise StoreInUse(
                    f"{self._folder}: process {numbers} of the run before is still at work in this recovery store "
                    f"after {WAIT_S:.0f} s; end it first"
                )
            time.sleep(POLL_S)


@contextmanager
def held(folder: Path, process: int) -> Iterator[Holder]:
    """Hold the store as process number `process`, not at work yet. StoreInUse if another process holds that number."""
    own = folder / f".lock-{process}"
    lock = os.open(own, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not _taken(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise StoreInUse(f"{folder}: another worker is using this recovery store")
            time.sleep(POLL_S)
        os.ftruncate(lock, 0)
        yield Holder(folder, own, lock)
    finally:
        os.close(lock)


def _at_work(path: Path) -> bool:
    lock = os.open(path, os.O_RDWR)
    try:
        return not _taken(lock, fcntl.LOCK_SH) and os.pread(lock, len(AT_WORK), 0) == AT_WORK
    finally:
        os.close(lock)


def _taken(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
