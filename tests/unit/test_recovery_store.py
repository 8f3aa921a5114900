"""A recovery store that is missing, half made or broken: mended where nothing can be lost, else one line."""

import os
import pickle
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.parts import StoreUnusable
from flows.recovery.store import opened
from operators.policy_file.toml import parse
from operators.recovery import dumps
from tests.dataflows.making import POLICY

PART = "part-1.sqlite3"
SAVED = pickle.dumps(dumps(None, parse(POLICY)))


def open_it(folder: Path) -> None:
    with opened(folder, 0, 2):
        pass


def rows(folder: Path) -> list[tuple[int, int]]:
    """Of every part, which of how many it is."""
    found = []
    for path in sorted(folder.glob("part-*.sqlite3")):
        with closing(sqlite3.connect(path)) as file:
            found += file.execute("SELECT part_index, part_count FROM parts").fetchall()
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that an engine has written to."""
    folder = tmp_path / "state"
    open_it(folder)
    with closing(sqlite3.connect(folder / "part-0.sqlite3")) as file, file:
        file.execute("INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, 1)")
        file.executemany("INSERT INTO snaps VALUES ('now', 'step', ?, 0, ?)", [(str(key), SAVED) for key in range(999)])
    return folder


def first_part(folder: Path) -> None:
    init_db_dir(folder, 2)  # type: ignore[no-untyped-call]  # A native function.
    (folder / PART).unlink()


def part_without_tables(folder: Path) -> None:
    first_part(folder)
    (folder / PART).touch()


def both_parts(folder: Path) -> None:
    init_db_dir(folder, 2)  # type: ignore[no-untyped-call]  # A native function.


@pytest.mark.parametrize("begun", [first_part, part_without_tables, both_parts])
def test_a_store_that_was_never_finished_is_made_anew(begun: Callable[[Path], None], tmp_path: Path) -> None:
    """Killed between its first file and the mark that says it is whole: no worker has written to it."""
    begun(tmp_path)
    open_it(tmp_path)
    assert rows(tmp_path) == [(0, 2), (1, 2)]


def test_a_copy_without_the_mark_goes_on(store: Path) -> None:
    """As a backup that left out hidden files; nothing of it is thrown away."""
    (store / ".ready").unlink()
    open_it(store)
    with closing(sqlite3.connect(store / "part-0.sqlite3")) as file:
        assert file.execute("SELECT count(*) FROM snaps").fetchone() == (999,)


def missing(folder: Path) -> None:
    (folder / PART).unlink()


def missing_with_the_mark(folder: Path) -> None:
    missing(folder)
    (folder / ".ready").unlink()


def all_missing(folder: Path) -> None:
    for path in folder.glob("part-*"):
        path.unlink()


def no_database(folder: Path) -> None:
    (folder / PART).write_bytes(os.urandom(5_000))


def emptied(folder: Path) -> None:
    (folder / PART).write_bytes(b"")


def torn(folder: Path) -> None:
    """Pages in the middle are gone, as after a disk's fault."""
    path = folder / "part-0.sqlite3"
    body = path.read_bytes()
    path.write_bytes(body[:30_000] + bytes(20_000) + body[50_000:])


def of_another(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    init_db_dir(other, 3)  # type: ignore[no-untyped-call]  # A native function.
    shutil.move(other / PART, folder / PART)
    shutil.rmtree(other)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (missing, f"{PART} of the recovery store missing"),
        (missing_with_the_mark, f"{PART} of the recovery store missing"),
        (all_missing, "part-0.sqlite3 of the recovery store missing"),
        (no_database, "file is not a database"),
        (emptied, "no such table: parts"),
        (torn, "part of the recovery store is broken"),
        (of_another, "parts of different recovery stores"),
    ],
)
def test_what_cannot_be_mended_is_named_with_what_to_do(harm: Callable[[Path], None], words: str, store: Path) -> None:
    harm(store)
    with pytest.raises(StoreUnusable, match=words) as told:
        open_it(store)
    assert "put back a backup of the whole folder, or name a new --recovery folder" in str(told.value)


def run_on(folder: Path) -> tuple[int, list[str]]:
    """`rollguard run` on a store; the exit code, and the lines that it says."""
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run", "--recovery", str(folder)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


def test_the_worker_says_one_line_of_a_broken_store(store: Path) -> None:
    no_database(store)
    code, lines = run_on(store)
    assert (code, len(lines)) == (1, 1), lines
    assert lines[0].startswith(f"rollguard: {store}/{PART}: this part of the recovery store is broken")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a disk can only be filled where one may be mounted")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_worker_says_one_line_of_a_full_disk(full_disk: Path) -> None:
    code, lines = run_on(full_disk / "state")
    assert (code, lines) == (
        1,
        [f"rollguard: {full_disk}/state: no room for the recovery store: make some, then start again"],
    )


@pytest.fixture
def files_that_may_not_grow() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_is_named_before_anything_is_written(store: Path, files_that_may_not_grow: None) -> None:
    with pytest.raises(StoreUnusable, match="no room for the recovery store: make some, then start again"):
        open_it(store)
