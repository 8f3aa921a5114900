"""Files are read line by line, whatever their packing and wherever a block ends; line numbers stay right."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from backports import zstd

from operators.connectors.files import BLOCK_BYTES, FileReader, LineFile
from operators.connectors.stop import Stop
from operators.ingest.formats.origin import Reject
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rows.items import dead_letter_rows, letters_of
from tests.dataflows.making import POLICY, START_MS, STARTED_MS, received

LIMIT = 1_000
PACK: dict[str, Callable[[bytes], bytes]] = {".ndjson": bytes, ".gz": gzip.compress, ".zst": zstd.compress}


def lines_of(path: Path) -> list[tuple[int, bytes]]:
    """(number, line) of everything that a reader hands out."""
    told: list[int] = []
    reader = FileReader(path, LIMIT, STARTED_MS, told.append)
    out: list[tuple[int, bytes]] = []
    try:
        while True:
            first = reader.position
            lines = reader.read()
            if lines is None:
                break
            assert list(lines.positions) == list(range(first, reader.position))
            out += zip(lines.positions, lines.values, strict=True)
    finally:
        reader.close()
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size, "not all of the file was told as read"
    return out


def write(folder: Path, content: bytes, suffix: str = ".ndjson") -> Path:
    path = folder / f"file{suffix}"
    path.write_bytes(PACK[suffix](content))
    return path


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("content", [b"", b"a", b"a\n", b"a\nb", b"\n\na\n\n", b"a\r\nb\r\n", b"\n"])
def test_lines_come_as_they_stand(tmp_path: Path, content: bytes, suffix: str) -> None:
    wanted = content.split(b"\n")
    if not wanted[-1]:
        wanted.pop()
    assert lines_of(write(tmp_path, content, suffix)) == list(enumerate(wanted, 1))


@pytest.mark.parametrize("most", [1, 7, 500, 20_000])
def test_no_more_lines_are_handed_on_at_once_than_are_wanted(tmp_path: Path, most: int) -> None:
    """The number wanted may change from one read to the next: each line comes once, under its number."""
    wanted = [f"line {number}".encode() for number in range(3_000)]
    reader = FileReader(write(tmp_path, b"\n".join(wanted)), LIMIT, STARTED_MS, lambda _: None)
    got: list[tuple[int, bytes]] = []
    for turn in range(10_000):
        reader.messages_max = most if turn % 3 else 2
        first, lines = reader.position, reader.read()
        if lines is None:
            break
        assert len(lines) <= reader.messages_max
        assert list(lines.positions) == list(range(first, reader.position))
        got += zip(lines.positions, lines.values, strict=True)
    reader.close()
    assert got == list(enumerate(wanted, 1))


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("seed", range(3))
def test_blocks_do_not_show_in_the_lines(tmp_path: Path, seed: int, suffix: str) -> None:
    """Lines far longer than allowed may come cut off, each once; all others come whole, under their number."""
    random = Random(seed)
    near = [0, 1, LIMIT, LIMIT + 1, BLOCK_BYTES - LIMIT, BLOCK_BYTES - 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 7]
    wanted = [b"x%d" % index + b"y" * random.choice([*near, *[random.randrange(300)] * 12]) for index in range(60)]
    content = b"\n".join(wanted) + random.choice([b"", b"\n"])
    found = lines_of(write(tmp_path, content, suffix))
    assert [number for number, _ in found] == list(range(1, len(wanted) + 1))
    for (number, line), whole in zip(found, wanted, strict=True):
        if len(whole) <= LIMIT:
            assert line == whole, number
        else:
            assert len(line) > LIMIT, number
            assert whole.startswith(line), number


def test_a_line_past_the_limit_is_a_dead_letter_and_the_next_ones_keep_their_numbers(tmp_path: Path) -> None:
    policy = parse(POLICY.replace("share_max = 1.0", f"share_max = 1.0\nmessage_bytes_max = {LIMIT}"))
    good = json.dumps({"request_id": "r", "ts": START_MS, "model": "m", "version": "v"}).encode()
    content = b"\r\n".join([good, b"x" * (3 * BLOCK_BYTES), b"", good, b"nonsense", b"y" * (LIMIT + 1), good])
    partition = Partition("file", "events", ("file",), policy)
    items, rejects = 0, []
    for number, line in lines_of(write(tmp_path, content)):
        batch = partition.take(received([line], number))
        items += batch.items
        rejects += [(reject.position, reject.reason) for reject in batch.rejects]
    assert items == 3
    assert rejects == [(2, "too_large"), (5, "bad_json"), (6, "too_large")]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("broken", ["cut off", "another format", "garbage within"])
def test_a_broken_compressed_file_is_named(tmp_path: Path, suffix: str, broken: str) -> None:
    """zlib.error is no OSError: garbage within a .gz once ended in a panic of the engine."""
    content = Random(1).randbytes(100_000)
    path = write(tmp_path, content, suffix)
    packed = path.read_bytes()
    middle = len(packed) // 2
    garbage = packed[: {".gz": 4, ".zst": 12}[suffix]] + b"\xff" * 99
    path.write_bytes({"cut off": packed[:middle], "another format": content, "garbage within": garbage}[broken])
    with pytest.raises(OSError, match="cannot be read") as caught:
        lines_of(path)
    assert caught.value.filename == str(path)


def test_dead_letters_that_cannot_be_written_stop_the_run() -> None:
    """/dev/full is a disk that is full."""
    stop = Stop()
    part = LineFile(Path("/dev/full"), letters_of, stop).build_part("s", "0", None)
    reject = Reject(position=1, item=0, reason="bad_json", detail="d", value=b"x" * 100_000)
    part.write_batch([dead_letter_rows([reject], "s", parse(POLICY))])
    part.snapshot()
    part.close()
    assert isinstance(stop.error, OSError)
    assert stop.error.strerror == "No space left on device"


@pytest.mark.parametrize("suffix", PACK)
def test_a_mark_before_the_first_line_is_no_part_of_it(suffix: str, tmp_path: Path) -> None:
    """Windows' programs write one: the first event of each file was refused for it. Elsewhere it stays as it is."""
    path = tmp_path / f"events{suffix}"
    path.write_bytes(PACK[suffix](b'\xef\xbb\xbf{"a":1}\n\xef\xbb\xbf{"a":2}\n'))
    assert lines_of(path) == [(1, b'{"a":1}'), (2, b'\xef\xbb\xbf{"a":2}')]
    path.write_bytes(PACK[suffix](b"\xef\xbb\xbf"))
    assert lines_of(path) == []
