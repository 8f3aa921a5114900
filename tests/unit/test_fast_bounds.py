"""The compiled scanner looks at nothing outside of its text, whatever stands in it, and writes nowhere else."""

import ctypes
import mmap
import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from operators.fast.events import AHEAD
from operators.fast.scanner import EventScanner, Wanted, rows_for, text_lines
from operators.ingest.lines import block_of_texts
from tests.fast_kernels import kernels
from tests.unit.test_fast_scanner import random_message

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")

ROOT = Path(__file__).parents[2]
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
PAGES = 4 * mmap.PAGESIZE
WANTED = Wanted(("region", "segment"), ("latency_ms", "score", "input_tokens"), True, {})
# As much as may be looked at and no more; and less.
ENDINGS = [b"\n".ljust(AHEAD, fill) for fill in (b"x", b'"', b"9", b" ", b"\n")] + [b"\n", b"\n\n\n", b"", b'"', b"\\"]


def scan_at_the_edge(messages: int) -> int:
    """Scan texts that end where a page ends, of which the next cannot be read; return how many were surely read."""
    room = mmap.mmap(-1, PAGES + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    if ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(start + PAGES), mmap.PAGESIZE, 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    random, scanner, sure = Random(6), EventScanner(WANTED), 0
    for _ in range(messages):
        message = random_message(random)
        if random.random() < 0.3:
            message = b"[" + b",".join([message, random_message(random)]) + b"]"
        if random.random() < 0.3:
            message = message[: random.randrange(len(message) + 1)]
        text = message + random.choice(ENDINGS)
        if random.random() < 0.2:
            text = text[: random.randrange(len(text) + 1)]
        room[PAGES - len(text) : PAGES] = text
        ends = np.array([min(len(message), len(text))])
        view = memoryview(room)[PAGES - len(text) : PAGES].toreadonly()
        lines = text_lines(view, np.array([0]), ends)
        columns = scanner.begin(1, rows_for(lines))
        assert scanner.scan(lines, columns, 0, 0, PAGES) <= rows_for(lines)
        sure += int(columns.sure.sum())
    return sure


def run(messages: int, root: Path = ROOT, **environment: str) -> int:
    """Scan in a process of its own, which dies where the kernels look too far."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.test_fast_bounds", str(messages)],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_nothing_behind_the_text_is_looked_at() -> None:
    assert run(1_000_000 if PROVE else 20_000) > 1_000


@pytest.mark.skipif(not PROVE, reason="the kernels are compiled anew, with a check of every index: half a minute")
def test_no_index_is_out_of_bounds(tmp_path: Path) -> None:
    for folder in ("flows", "gateway", "operators", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert run(100_000, tmp_path, NUMBA_BOUNDSCHECK="1") > 5_000
    tests = [f"tests/unit/test_fast_{name}.py" for name in ("counting", "adding")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *tests],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_BOUNDSCHECK": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_texts_are_looked_for_within_their_table() -> None:
    """The table of texts is full to its last byte, and further ones are left to others."""
    scanner = EventScanner(WANTED)
    texts = [f"{number}".rjust(128, "x") for number in range(20_000)]
    values = [f'{{"request_id":"r","ts":1760000000000,"model":"{text}","version":"v"}}'.encode() for text in texts]
    block = block_of_texts(values)
    columns = scanner.begin(len(values), len(values))
    scanner.scan(text_lines(block.text, block.starts, block.ends), columns, 0, 0, 1_000)
    assert 0 < columns.sure.sum() < len(values)
    assert scanner.names()[1] == texts[0]
    assert max(map(len, scanner.names())) == 128


if __name__ == "__main__":
    print(scan_at_the_edge(int(sys.argv[1])))  # noqa: T201  # For the test.
