"""Checks a recovery store before the engine loads it: it may hold pickles of bytes, and nothing else.

The engine (Bytewax 0.21.1, src/recovery.rs) keeps what a step saves as a pickle, and loads all pickles at a start. A
pickle can run any code, by opcodes that name functions. Ours are of one bytes object, which needs none of those: a
store with anything else in it is refused before the engine sees it. So are tables other than those the engine makes,
since a view or a trigger could show the engine another store than the one that was checked. The check cannot stop a
write to the folder between it and the engine's load: the folder's rights must do that (SECURITY.md).
"""

import pickletools
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bytewax.recovery import init_db_dir

from flows.recovery.parts import WAY_OUT, StoreUnusable

BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8")
# They can do no more than put bytes or None on the unpickler's stack, and keep or return it.
HARMLESS = {*BYTES, "NONE", "PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "STOP"}
OPCODES_MAX = 8  # A pickle of bytes has five.

TABLES = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite#_%' ESCAPE '#' OR type != 'table'"


def check_contents(parts: Sequence[Path]) -> None:
    """StoreUnusable: the store holds something that must not be loaded."""
    with tempfile.TemporaryDirectory() as made:
        init_db_dir(Path(made), 1)  # type: ignore[no-untyped-call]  # A native function.
        (fresh,) = Path(made).glob("part-*.sqlite3")
        expected = _tables(fresh)
    for path in parts:
        if _tables(path) != expected:
            raise StoreUnusable(f"{path}: its tables are not those that the engine makes; {WAY_OUT}")
        with closing(_opened(path)) as part:
            for step, key, pickled in part.execute("SELECT step_id, state_key, ser_change FROM snaps"):
                if pickled is not None:
                    bytes_of(pickled, f"{path}: state {key} of step {step}")


def bytes_of(pickled: bytes, what: str) -> bytes | None:
    """Return the bytes, or None, in a pickle without running it. StoreUnusable if it holds anything else."""
    held: bytes | None = None
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(pickled)):
            if opcode.name not in HARMLESS or number == OPCODES_MAX:
                raise StoreUnusable(f"{what} is a pickle that holds more than bytes, and is not loaded; {WAY_OUT}")
            held = argument if opcode.name in BYTES else held
    except ValueError as error:
        raise StoreUnusable(f"{what} is no pickle; {WAY_OUT}") from error
    return held


def _tables(path: Path) -> set[tuple[str, str, str]]:
    with closing(_opened(path)) as part:
        return set(part.execute(TABLES).fetchall())


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30)
