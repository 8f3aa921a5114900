"""Files of messages that begin with their length, as a collector's file exporter writes protobuf; or of lines.

A length is 4 bytes, the highest first. A file of JSON lines is recognised by its first byte: as the first of a length
it would mean 160 MB and more.
"""

from pathlib import Path

from operators.connectors.files import Advanced, FileReader
from operators.ingest.lines import TextBlock, one_line

LENGTH = 4
JSON_BEGINS = b"{[ \t\r\n"


class FrameReader(FileReader):
    """Reads whole messages; `position` is the number of the next one, from 1.

    A message longer than `line_bytes_max` comes out cut off, and so does one that the end of the file cuts.
    """

    def __init__(self, path: Path, line_bytes_max: int, received_ms: int, advanced: Advanced) -> None:
        super().__init__(path, line_bytes_max, received_ms, advanced)
        self._lines: bool | None = None  # None: nothing has been read yet.
        self._skip = 0  # Bytes still to come of a message that was returned cut off.

    def _split(self, block: bytes) -> list[TextBlock]:
        if self._lines is None:
            self._lines = not block or block[0] in JSON_BEGINS
        if self._lines:
            return super()._split(block)
        data = self._rest + block[self._skip :]
        self._skip = max(0, self._skip - len(block))
        messages, at = self._frames(data)
        self._rest = data[at:]
        if self._rest and not block:  # The file has ended.
            messages.append(self._rest[LENGTH:] or self._rest)
            self._rest = b""
        return [one_line(message) for message in messages]

    def _frames(self, data: bytes) -> tuple[list[bytes], int]:
        """Return the messages that end in `data`, and where the next one begins."""
        messages: list[bytes] = []
        at = 0
        while at + LENGTH <= len(data):
            size = int.from_bytes(data[at : at + LENGTH])
            start, end = at + LENGTH, at + LENGTH + size
            if end > len(data):
                if size > self._line_bytes_max and len(data) - start > self._line_bytes_max:
                    messages.append(data[start : start + self._line_bytes_max + 1])
                    self._skip, at = end - len(data), len(data)
                break
            messages.append(data[start:end])
            at = end
        return messages, at
