"""Control events and commands in files, for use without a broker: the same lines as on Kafka."""

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from operators.connectors.control.follower import From, WrittenEvent

READ_BYTES = 1 << 20  # Read from a file at once, or a little more.
LINE_BYTES_MAX = 1 << 20  # Of the first line, for its checksum.


class FileFollower:
    """Reads the lines of a file as they are written, even if it does not exist yet. A line counts once it has ended.

    A file that was replaced or truncated is read from its beginning: a source is a path and the checksum of the first
    line, so that positions in another file of the same name do not apply to this one.
    """

    def __init__(self, path: Path, start: From, positions: Mapping[str, int] | None = None) -> None:
        self._path = path
        self.positions: dict[str, int] = dict(positions or {})
        self.at_end = False
        if start == "end" and path.exists():
            with path.open("rb") as file:
                source = self._source(file)
                if source is not None and source not in self.positions:
                    self.positions[source] = _end_of_lines(file)

    def read(self) -> list[WrittenEvent]:
        """Return the new lines. The file is opened anew each time, as it may be another one by now."""
        self.at_end = True
        written: list[WrittenEvent] = []
        try:
            with self._path.open("rb") as file:
                source = self._source(file)
                if source is not None:
                    written = self._lines(file, source)
        except FileNotFoundError:
            pass
        return written

    def close(self) -> None:
        pass

    def _source(self, file: IO[bytes]) -> str | None:
        """Return the source name for positions in this file; None before its first line has ended."""
        first = file.readline(LINE_BYTES_MAX)
        if not first.endswith(b"\n") and len(first) < LINE_BYTES_MAX:
            return None
        return f"{self._path.absolute()}@{zlib.crc32(first):08x}"

    def _lines(self, file: IO[bytes], source: str) -> list[WrittenEvent]:
        if source not in self.positions:
            ours = f"{self._path.absolute()}@"  # Positions in earlier files of this name are of no use any more.
            self.positions = {name: at for name, at in self.positions.items() if not name.startswith(ours)}
        at = self.positions.get(source, 0)
        if at > os.fstat(file.fileno()).st_size:
            at = 0  # The file was written anew, with the same first line.
        file.seek(at)
        written = []
        taken = 0
        while taken < READ_BYTES and (line := file.readline()).endswith(b"\n"):
            taken += len(line)
            if stripped := line.strip():
                written.append(WrittenEvent(source, at + taken, stripped))
        self.at_end = not taken
        self.positions[source] = at + taken
        return written


def _end_of_lines(file: IO[bytes]) -> int:
    """Return the position after the last line that has ended."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        begin = max(0, at - READ_BYTES)
        file.seek(begin)
        last = file.read(at - begin).rfind(b"\n")
        if last >= 0:
            return begin + last + 1
        at = begin
    return 0


def append_to_file(path: Path, body: bytes) -> None:
    """Add a command to a file as a line of its own, on disk when this returns. OSError."""
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        # Somebody may have left the last line without an end; the new line must not be joined to it.
        begun = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write(b"\n" * begun + body + b"\n")
        file.flush()
        os.fsync(file.fileno())
