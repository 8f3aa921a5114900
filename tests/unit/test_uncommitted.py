"""Which snapshots of a recovery store count: reckoned as the engine does, and the others removed."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.uncommitted import remove_uncommitted, resume_epoch

Rows = Sequence[tuple[int, ...]]


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    init_db_dir(tmp_path, 2)  # type: ignore[no-untyped-call]  # A native function.
    return sorted(tmp_path.glob("part-*.sqlite3"))


def write(
    part: Path, *, executions: Rows = (), frontiers: Rows = (), snapshots: Sequence[tuple[str, int]] = ()
) -> None:
    """Executions: number, workers, epoch begun with; frontiers: execution, worker, epoch; snapshots: key, epoch."""
    with closing(sqlite3.connect(part)) as file, file:
        file.executemany("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (?, ?, ?)", executions)
        file.executemany("INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (?, ?, ?)", frontiers)
        file.executemany("INSERT INTO snaps (step_id, state_key, snap_epoch) VALUES ('step', ?, ?)", snapshots)


def left(part: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(part)) as file:
        return file.execute("SELECT state_key, snap_epoch FROM snaps ORDER BY 1, 2").fetchall()


def test_nothing_of_a_store_in_which_nothing_was_done_counts(parts: list[Path]) -> None:
    """Killed in its first epoch: the note that an execution began may be missing, too."""
    write(parts[0], snapshots=[("a", 1)])
    assert resume_epoch(parts) == 1
    assert remove_uncommitted(parts) == 1


def test_the_slowest_worker_of_the_last_execution_decides(parts: list[Path]) -> None:
    write(parts[0], executions=[(0, 3, 1)], frontiers=[(0, 0, 90), (1, 1, 14)])
    write(parts[1], executions=[(1, 3, 11)], frontiers=[(1, 0, 13), (1, 2, 13)])
    assert resume_epoch(parts) == 13


def test_a_worker_that_told_nothing_is_where_the_execution_began(parts: list[Path]) -> None:
    write(parts[0], executions=[(4, 2, 11)], frontiers=[(3, 1, 11)])
    write(parts[1], frontiers=[(4, 0, 13)])
    assert resume_epoch(parts) == 11


def test_what_does_not_count_is_removed_from_every_part_once(parts: list[Path]) -> None:
    write(parts[0], executions=[(0, 1, 1)], snapshots=[("a", 6), ("a", 7), ("b", 2)])
    write(parts[1], frontiers=[(0, 0, 7)], snapshots=[("c", 7), ("c", 8), ("d", 6)])
    assert remove_uncommitted(parts) == 3
    assert left(parts[0]) == [("a", 6), ("b", 2)]
    assert left(parts[1]) == [("d", 6)]
    assert remove_uncommitted(parts) == 0
