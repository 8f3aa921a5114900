"""Removes snapshots that do not count from the recovery store before the engine reads it.

The engine (Bytewax 0.21.1, src/recovery.rs) writes the snapshots of an epoch before it marks the epoch as done, and
removes none. Killed between the two, it does the epoch again, perhaps with other messages. A key that is not touched
this time does not overwrite its snapshot from the first attempt, and once that epoch is done the next start loads it:
counts of messages that the source is yet to read. So before every start all snapshots are removed that are not of an
epoch before the one to resume with. No process may be at work in the store meanwhile (`holders`); a second removal does
nothing.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

FIRST_EPOCH = 1  # The epoch of a store in which nothing was ever done.
BUSY_S = 30.0  # Another starting process may be removing them too.


def remove_uncommitted(parts: Sequence[Path]) -> int:
    """Remove the snapshots of the epoch to resume with and of later ones; return how many. sqlite3.Error."""
    first = resume_epoch(parts)
    removed = 0
    for path in parts:
        with _opened(path) as part:
            removed += part.execute("DELETE FROM snaps WHERE snap_epoch >= ?", (first,)).rowcount
    return removed


def resume_epoch(parts: Sequence[Path]) -> int:
    """Return the epoch that the engine resumes with, computed as the engine does.

    An epoch is done when all workers of the last execution have got past it; a worker without a record is where that
    execution began.
    """
    executions: list[tuple[int, int, int]] = []
    frontiers: dict[tuple[int, int], int] = {}
    for path in parts:
        with _opened(path) as part:
            executions += part.execute("SELECT ex_num, worker_count, resume_epoch FROM exs")
            frontiers |= {
                (execution, worker): epoch
                for execution, worker, epoch in part.execute("SELECT ex_num, worker_index, worker_frontier FROM fronts")
            }
    if not executions:
        return FIRST_EPOCH
    last, workers, began = max(executions)
    return min(max(began, frontiers.get((last, worker), began)) for worker in range(workers))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    # Every statement is a transaction of its own.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None)) as part:
        yield part
