"""Scans lines of events with the compiled kernels, and keeps the texts that codes stand for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints
from operators.fast.event_fields import KEY_MAX, KINDS, LABEL, NOWHERE, NUMBERS, Fields, key_table
from operators.fast.event_values import ScannedColumns
from operators.fast.events import EVENT_MIN, TextLines, scan_events
from operators.fast.interning import TEXTS_MAX, no_texts
from operators.fast.siphash import hash_key
from operators.fast.skipping import OPEN_LIST

NEEDED = ("request_id", "ts", "model", "version")
NAMES = tuple(KINDS)
CHAINED = ("session_id", "user_id")


class Wanted(NamedTuple):
    """What to read of events: values of `dimensions`, and `numbers`; sessions and users if events are `chained`.

    `most` is the largest allowed number of each field that has one.
    """

    dimensions: Sequence[str]
    numbers: Sequence[str]
    chained: bool
    most: dict[str, float]


def can_scan(wanted: Wanted) -> bool:
    """Tell whether all that is wanted can be scanned, and the key of this process's hashes is known."""
    plain = all(len(name) <= KEY_MAX and name.isascii() and name.isprintable() for name in wanted.dimensions)
    return plain and len(wanted.dimensions) < 64 and NUMBERS.issuperset(wanted.numbers) and hash_key() is not None


def text_lines(text: bytes | memoryview, starts: Ints, ends: Ints) -> TextLines:
    """Return the lines of a text with line ends at `ends`."""
    return TextLines(np.frombuffer(text, np.uint8), starts, ends)


def rows_for(lines: TextLines) -> int:
    """Return the largest number of rows that lines need: one each, or as many events as a list may hold."""
    if len(lines.text) == 0:
        return len(lines.starts)
    lists = np.flatnonzero(np.take(lines.text, lines.starts, mode="clip") == OPEN_LIST)
    return len(lines.starts) + int(((lines.ends[lists] - lines.starts[lists]) // EVENT_MIN).sum())


def rows_until(columns: ScannedColumns, rows: int) -> ScannedColumns:
    """Return only the first rows, so that unused ones take no memory."""
    if rows == len(columns.sure):
        return columns
    return columns._replace(
        sure=columns.sure[:rows].copy(),
        times=columns.times[:rows].copy(),
        requests=columns.requests[:rows].copy(),
        lineage=columns.lineage[:rows].copy(),
        codes=columns.codes[:, :rows].copy(),
        numbers=columns.numbers[:, :rows].copy(),
        chain=columns.chain[:rows].copy(),
        event=columns.event[:rows].copy(),
    )


class EventScanner:
    """Scans events. It keeps the texts it met, and the order of fields; results do not depend on either."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._fields = _fields_of(wanted)
        self._texts = no_texts()
        self._names: list[str] = [""]
        self._key = hash_key() or (np.uint64(0), np.uint64(0))

    def begin(self, messages: int, rows: int) -> ScannedColumns:
        """Return empty columns for so many messages and events; texts of earlier ones may be forgotten."""
        if self._texts.size[0] > TEXTS_MAX // 2:
            self._texts, self._names = no_texts(), [""]
        return ScannedColumns(
            times=np.zeros(rows, np.int64),
            requests=np.zeros(rows, np.int64),
            lineage=np.zeros(rows, bool),
            codes=np.zeros((3 + len(self._wanted.dimensions), rows), np.int64),
            numbers=np.full((len(self._wanted.numbers), rows), np.nan),
            texts=self._texts,
            key=self._key,
            sure=np.zeros(rows, bool),
            chain=np.zeros(rows, np.int64),
            event=np.zeros(rows, np.int64),
            spans=np.zeros(6, np.int64),
            firsts=np.zeros(messages, np.int64),
        )

    def scan(self, lines: TextLines, columns: ScannedColumns, message: int, row: int, bytes_max: int) -> int:
        """Read lines, messages from `message` on, into the rows from `row` on; return the row after them."""
        return int(scan_events(lines, self._fields, columns, message, row, bytes_max))

    def names(self) -> list[str]:
        """Return the texts that codes stand for; all are ASCII."""
        texts = self._texts
        for number in range(len(self._names), int(texts.size[0])):
            start, size = int(texts.starts[number]), int(texts.lengths[number])
            self._names.append(texts.bytes[start : start + size].tobytes().decode("ascii"))
        return self._names


def _fields_of(wanted: Wanted) -> Fields:
    columns = {name: column for column, name in enumerate(wanted.numbers)} | {"model": 0, "version": 1}
    ignored = {} if wanted.chained else dict.fromkeys(CHAINED, LABEL)
    kinds = KINDS | ignored
    return Fields(
        keys=key_table(NAMES),
        kinds=np.array([kinds[name] for name in NAMES], np.int64),
        columns=np.array([columns.get(name, NOWHERE) for name in NAMES], np.int64),
        most=np.array([wanted.most.get(name, np.inf) for name in NAMES]),
        needed=np.uint64(sum(1 << NAMES.index(name) for name in NEEDED)),
        dimensions=key_table(wanted.dimensions),
    )
