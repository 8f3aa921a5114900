"""The files of a recovery store: made when missing, and checked before the engine gets them.

The engine ends the process with a panic where a file is missing or broken. Reading all of them takes about a second for
a gigabyte, once a start.
"""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from bytewax.recovery import init_db_dir

READY = ".ready"  # Exists once all parts do.
ROOM_BYTES = 4 << 20  # More than it takes to make new parts, or to open old ones.
WAY_OUT = "put back a backup of the whole folder, or name a new --recovery folder and where to start with --from"


class StoreUnusable(Exception):
    """No worker can use this store, or make it; the text says what to do."""


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.resolve().glob("part-*.sqlite3"))


def make(folder: Path, count: int) -> None:
    """Make a store of `count` parts where there is none, or one that was never finished. StoreUnusable, OSError."""
    parts = parts_of(folder)
    if not any(_began(part) for part in parts):
        for path in folder.glob("part-*.sqlite3*"):  # With SQLite's files beside them.
            path.unlink()
        init_db_dir(folder, count)  # type: ignore[no-untyped-call]  # A native function.
    # Else only the mark is missing, as in a backup without hidden files; `check` verifies the rest.
    (folder / READY).touch()


def check(folder: Path) -> None:
    """StoreUnusable unless all parts exist and are complete."""
    parts = parts_of(folder)
    counts: dict[int, int] = {}
    for part in parts:
        if (found := _read(part, "PRAGMA quick_check(1)")) != [("ok",)]:
            raise StoreUnusable(_broken(part, str(found[0][0])))
        counts |= dict(_read(part, "SELECT part_index, part_count FROM parts"))
    if len(set(counts.values())) > 1:
        raise StoreUnusable(f"{folder}: parts of different recovery stores; {WAY_OUT}")
    missing = sorted(set(range(max(counts.values(), default=1))) - counts.keys())
    if missing:
        names = ", ".join(f"part-{number}.sqlite3" for number in missing)
        raise StoreUnusable(f"{folder}: {names} of the recovery store missing; {WAY_OUT}")


def require_room(folder: Path) -> None:
    """OSError if the disk of this folder is full: SQLite would fail at a worse moment, with less to say."""
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)


def _began(part: Path) -> bool:
    """Whether an engine has ever written to a part; an unfinished part has no tables yet."""
    tables = {name for (name,) in _read(part, "SELECT name FROM sqlite_master")}
    return any(_read(part, f"SELECT 1 FROM {name} LIMIT 1") for name in ("exs", "snaps") if name in tables)  # noqa: S608  # Names of our own.


def _read(part: Path, sql: str) -> list[Any]:
    try:
        with closing(sqlite3.connect(f"{part.as_uri()}?mode=rw", uri=True, timeout=30)) as file:
            return file.execute(sql).fetchall()
    except sqlite3.Error as error:
        raise StoreUnusable(_broken(part, str(error))) from error


def _broken(part: Path, why: str) -> str:
    return f"{part}: this part of the recovery store is broken ({why}); {WAY_OUT}"
