"""Files of newline-delimited JSON, plain, .gz or .zst: read in blocks, and written."""

import errno
import gzip
import sys
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TypeVar, cast

import numpy as np
from backports import zstd
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from operators.connectors.stop import Stop
from operators.ingest.lines import Lines, TextBlock, lines_of, one_line
from operators.ingest.messages import Messages

BLOCK_BYTES = 1 << 20  # Read at once; larger blocks fall out of the processor's caches.
LINES_MIN = 40_000  # Returned at once, if there are as many: some 40 ms of work, twice that without kernels;
BYTES_MAX = 32 << 20  # or so many bytes, where lines are long.

Item = TypeVar("Item")
Advanced = Callable[[int], None]  # Called with the number of bytes read of the file as stored on disk.


class FileReader:
    """Reads whole lines; `position` is the number of the next line, from 1.

    `received_ms` [Unix ms], the start of the run, bounds the timestamps that are believed.

    A line longer than `line_bytes_max` and one block comes out cut off, so that a file without line ends cannot fill
    the memory.
    """

    at_end = False  # `read` returns None at the end instead.
    messages_max = sys.maxsize  # Messages returned at once; the caller may want fewer.

    def __init__(self, path: Path, line_bytes_max: int, received_ms: int, advanced: Advanced) -> None:
        self._path = path
        self._received_ms = received_ms
        self._raw = path.open("rb")
        self._file: IO[bytes] = self._raw
        if path.suffix == ".gz":
            self._file = cast(IO[bytes], gzip.GzipFile(fileobj=self._raw))
        elif path.suffix == ".zst":
            self._file = cast(IO[bytes], zstd.ZstdFile(self._raw))
        self._line_bytes_max = line_bytes_max
        self._advanced = advanced
        self._rest = b""
        self._begins = True  # Nothing has been read yet: some programs write a byte order mark before the first line.
        self._cut = False  # The current line was returned cut off: skip the rest of it.
        self._position = self._after = 1  # Of what was returned, and of what was read.
        self._waiting: Messages | None = None  # Read, but not returned yet.

    @property
    def position(self) -> int:
        return self._position

    def read(self) -> Messages | None:
        """Return the next lines, None at the end. OSError names the file, even if it is compressed and broken."""
        messages, self._waiting = self._waiting or self._read(), None
        if messages is None:
            return None
        if len(messages) > self.messages_max:
            self._waiting = messages.part(self.messages_max, len(messages))
            messages = messages.part(0, self.messages_max)
        self._position += len(messages)
        return messages

    def _read(self) -> Messages | None:
        blocks: list[TextBlock] = []
        count = taken = 0
        while count < LINES_MIN and taken < BYTES_MAX:
            block = self._block()
            if not block and not self._rest:
                break
            taken += len(block)
            lines = self._split(block)
            count += sum(len(each.ends) for each in lines)
            blocks += lines
        if self._raw.seekable():  # A pipe has no position.
            self._advanced(self._raw.tell())
        first, self._after = self._after, self._after + count
        if not count and not taken:
            return None
        received_ms = np.full(count, self._received_ms)
        return Messages(values=Lines(blocks), positions=range(first, self._after), received_ms=received_ms)

    def _block(self) -> bytes:
        try:
            block = self._file.read(BLOCK_BYTES)
            begins, self._begins = self._begins, False
            return block.removeprefix(BOM_UTF8) if begins else block
        except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
            raise OSError(errno.EIO, f"cannot be read: {error}", str(self._path)) from error

    def _split(self, block: bytes) -> list[TextBlock]:
        """Return the lines that end in a block, or at the end of the file if it is empty."""
        out, self._rest = lines_of(self._rest, block or b"\n")
        if out and self._cut:
            out[0] = TextBlock(out[0].text, out[0].starts[1:], out[0].ends[1:])
            self._cut = False
        if len(self._rest) > self._line_bytes_max:
            if not self._cut:
                out.append(one_line(self._rest[: self._line_bytes_max + 1]))
            self._cut, self._rest = True, b""
        return out

    def recheck(self) -> None: ...

    def close(self) -> None:
        self._file.close()
        self._raw.close()


class LineFile(FixedPartitionedSink[Item, None]):
    """(key, item) in; what `encode` makes of items, one JSON object a line, written when the epoch closes.

    Or written `at_once`, for somebody who reads along: only in a run that is never resumed, or lines would come twice.
    """

    def __init__(
        self, path: Path, encode: Callable[[Item], Iterable[bytes]], stop: Stop, *, at_once: bool = False
    ) -> None:
        self._path = path
        self._encode = encode
        self._stop = stop
        self._at_once = at_once

    def list_parts(self) -> list[str]:
        return ["0"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_LinePart[Item]":
        return _LinePart(self._path, self._encode, self._stop, self._at_once)


class _LinePart(StatefulSinkPartition[Item, None]):
    def __init__(self, path: Path, encode: Callable[[Item], Iterable[bytes]], stop: Stop, at_once: bool) -> None:
        self._file = path.open("ab")
        self._at_once = at_once
        self._encode = encode
        self._stop = stop
        self._lines: list[bytes] = []

    def write_batch(self, values: list[Item]) -> None:
        self._lines += [line + b"\n" for value in values for line in self._encode(value)]
        if self._at_once:
            self._write()

    def snapshot(self) -> None:
        self._write()

    def _write(self) -> None:
        try:
            self._file.writelines(self._lines)
            self._file.flush()
        except OSError as error:
            self._stop.fail(error)
        self._lines = []

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:  # Closing tries once more to write what could not be written.
            self._stop.fail(error)
