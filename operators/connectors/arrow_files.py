"""Arrow files, IPC streams and IPC (Feather) files; or files of messages that begin with their length.

Arrow trusts what it reads: a broken or malicious file may name lengths that lead out of its memory. So each batch is
fully checked before it is used.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from operators.connectors.files import Advanced
from operators.connectors.frames import FrameReader
from operators.ingest.messages import Messages

STREAM_BEGINS, FILE_BEGINS = b"\xff\xff\xff\xff", b"ARROW1"
MESSAGES_MIN = 20  # Returned at once, if there are as many.
BITS = 8  # Per byte: a value has at least one.
ROWS = 1_000  # Per message: each batch of the file becomes messages of the size they have in Kafka.


def arrow_reader(path: Path, bytes_max: int, received_ms: int, advanced: Advanced) -> "ArrowReader | FrameReader":
    """Return the reader of an Arrow file, chosen by its first bytes. OSError."""
    with path.open("rb") as file:
        begins = file.read(len(FILE_BEGINS))
    if begins.startswith((STREAM_BEGINS, FILE_BEGINS)):
        return ArrowReader(path, received_ms, advanced)
    return FrameReader(path, bytes_max, received_ms, advanced)


class ArrowReader:
    """Reads the batches of a file as messages; `position` is the number of the next one, from 1."""

    at_end = False  # `read` returns None at the end instead.

    def __init__(self, path: Path, received_ms: int, advanced: Advanced) -> None:
        self._path, self._received_ms, self._advanced = path, received_ms, advanced
        self._file = pa.OSFile(str(path))
        self._position = 1
        self._batches = self._read()

    @property
    def position(self) -> int:
        return self._position

    def read(self) -> Messages | None:
        """Return the messages of the next batches, None at the end. OSError names the file, even if it is broken."""
        values: list[bytes] = []
        try:
            for batch in self._batches:
                _check(batch)
                values += [_message(batch.slice(start, ROWS)) for start in range(0, batch.num_rows, ROWS)]
                if len(values) >= MESSAGES_MIN:
                    break
        except (pa.ArrowException, OSError) as error:
            raise OSError(f"{self._path}: {error}") from error
        if not values:
            return None
        first, self._position = self._position, self._position + len(values)
        received = np.full(len(values), self._received_ms)
        self._advanced(self._file.tell())
        return Messages(values=values, positions=range(first, self._position), received_ms=received)

    def recheck(self) -> None: ...

    def close(self) -> None:
        self._file.close()

    def _read(self) -> Iterator[pa.RecordBatch]:
        begins = self._file.read(len(FILE_BEGINS))
        self._file.seek(0)
        if begins == FILE_BEGINS:
            with ipc.open_file(self._file) as file:
                yield from (file.get_batch(number) for number in range(file.num_record_batches))
            return
        while self._file.tell() < self._file.size():  # Concatenated streams are read one after the other.
            with ipc.open_stream(self._file) as stream:
                yield from stream


def _check(batch: pa.RecordBatch) -> None:
    """Refuse a batch whose offsets and lengths are not right. OSError, pa.ArrowException."""
    batch.validate(full=True)
    if batch.num_rows > BITS * batch.nbytes:  # Columns without data may claim any number of rows.
        raise OSError(f"{batch.num_rows} rows in {batch.nbytes} bytes")


def _message(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())
