"""A recovery store is looked at before the engine loads it: nothing in it can run code."""

import os
import pickle
import pickletools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, TestingSource, run_main

from flows.recovery.contents import bytes_of, check_contents
from flows.recovery.parts import StoreUnusable, parts_of
from flows.recovery.saved import saved_ids
from flows.recovery.store import opened
from operators.policy_file.toml import parse
from operators.recovery import dumps
from operators.saved.registry import Unreadable
from tests.dataflows.making import POLICY

SAVED = dumps([1, 2], parse(POLICY))
INSERT = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES ('rollguard.judge.decide', 's01', 0, ?)"


class Harm:
    """Makes a folder when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.made),)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    init_db_dir(folder, 1)  # type: ignore[no-untyped-call]  # A native function.
    execute(folder, "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (0, 1, 1)")
    return folder


def open_it(folder: Path) -> None:
    with opened(folder, 0, 1):
        pass


def execute(folder: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "part-0.sqlite3")) as part, part:
        part.execute(sql, values)


def harmful(made: Path) -> list[bytes]:
    """Pickles that make a folder, by every opcode that finds a function, alone and behind bytes of ours."""
    text = f"(S'{made}'\n"
    return [
        *(pickle.dumps(Harm(made), protocol) for protocol in range(6)),
        *(pickle.dumps((SAVED, Harm(made)), protocol) for protocol in range(6)),
        f"cos\nmkdir\n{text}tR.".encode(),
        f"{text}ios\nmkdir\n.".encode(),
        pickle.dumps(SAVED)[:-1] + b"0" + f"cos\nmkdir\n{text}tR.".encode(),
        pickle.dumps(SAVED)[:-1] + f"cos\nmkdir\n{text}tR.".encode(),
    ]


def test_a_pickle_that_would_run_code_is_refused_and_nothing_runs(store: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for pickled in harmful(made):
        execute(store, "DELETE FROM snaps")
        execute(store, INSERT, pickled)
        with pytest.raises(StoreUnusable, match=r"s01 of step .* is a pickle that holds more than bytes") as error:
            open_it(store)
        assert "\n" not in str(error.value)
        assert not made.exists()
        pickle.loads(pickled)  # noqa: S301  # As the engine would have.
        made.rmdir()


def test_no_opcode_but_the_harmless_passes() -> None:
    for opcode in pickletools.opcodes:
        argument = b"" if opcode.arg is None else b"\x00" * 8 + b"\n\n"
        code = opcode.code.encode("latin-1")
        try:
            held = bytes_of(b"\x80\x04" + code + argument + b".", "it")
        except StoreUnusable:
            continue
        assert opcode.name in (
            "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "NONE", "PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT",
            "STOP",
        )  # fmt: skip
        assert held in (None, b"")


@pytest.mark.parametrize("pickled", [b"", b"\x80", b"\xffabc", b"\x80\x04C\xff", pickle.dumps(b"x")[:-1]])
def test_what_is_no_pickle_is_refused(pickled: bytes) -> None:
    with pytest.raises(StoreUnusable, match="it is no pickle"):
        bytes_of(pickled, "it")


def view(folder: Path) -> None:
    execute(folder, "ALTER TABLE snaps RENAME TO others")
    execute(folder, "CREATE VIEW snaps AS SELECT * FROM others WHERE random() > 0")


def trigger(folder: Path) -> None:
    execute(folder, "CREATE TRIGGER late AFTER INSERT ON exs BEGIN DELETE FROM snaps; END")


def column(folder: Path) -> None:
    execute(folder, "ALTER TABLE snaps ADD COLUMN more TEXT")


@pytest.mark.parametrize("change", [view, trigger, column])
def test_tables_that_could_show_the_engine_something_else_are_refused(
    change: Callable[[Path], None], store: Path
) -> None:
    check_contents(parts_of(store))
    change(store)
    with pytest.raises(StoreUnusable, match="its tables are not those that the engine makes"):
        check_contents(parts_of(store))


def test_a_store_of_an_older_rollguard_stops_with_what_to_do(store: Path) -> None:
    insert = INSERT.replace("rollguard.judge.decide", "rollguard.input")
    execute(store, insert, pickle.dumps(pickle.dumps({"shape": "s"})))
    open_it(store)
    with pytest.raises(Unreadable, match=r"older rollguard, as Python pickles, .* name a new --recovery folder"):
        saved_ids(parts_of(store))


class Keeper(StatefulBatchLogic[int, int, bytes | None]):
    """Saves as many bytes as it was last given, and None for none."""

    def __init__(self) -> None:
        self.size = 0

    def on_batch(self, values: list[int]) -> tuple[list[int], bool]:
        self.size = values[-1]
        return values, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return SAVED + bytes(self.size) if self.size else None


def test_what_the_engine_itself_writes_passes(tmp_path: Path) -> None:
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]  # A native function.
    sizes = [0, 1, 300, 70_000]
    flow = Dataflow("sizes")
    items = op.input("in", flow, TestingSource([(str(size), size) for size in sizes]))
    kept = op.stateful_batch("keep", items, lambda _: Keeper())
    op.output("out", kept, TestingSink([]))
    recovery = RecoveryConfig(str(tmp_path), timedelta(0))  # type: ignore[no-untyped-call]
    run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)  # type: ignore[no-untyped-call]
    execute(tmp_path, "DELETE FROM snaps WHERE step_id = 'sizes.in'")  # A number, where ours saves bytes.
    check_contents(parts_of(tmp_path))
    with closing(sqlite3.connect(tmp_path / "part-0.sqlite3")) as part:
        states = part.execute("SELECT ser_change FROM snaps WHERE step_id = 'sizes.keep' ORDER BY state_key").fetchall()
    assert [bytes_of(state, "it") for (state,) in states] == [
        SAVED + bytes(size) if size else None for size in sorted(sizes, key=str)
    ]
