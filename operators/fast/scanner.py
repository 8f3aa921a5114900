"""Scans lines of events, by the compiled kernels; what of them is sure, and the texts that their codes stand for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from operators.arrays import Ints
from operators.fast.event_fields import KEY_MAX, KINDS, LABEL, NOWHERE, NUMBERS, Fields, key_table
from operators.fast.event_values import ScannedColumns
from operators.fast.events import AHEAD, TextLines, scan_events
from operators.fast.interning import TEXTS_MAX, no_texts
from operators.fast.siphash import hash_key

NEEDED = ("request_id", "ts", "model", "version")
NAMES = tuple(KINDS)
CHAINED = ("session_id", "user_id")
LINE_END = b"\n"
PADDING = LINE_END * AHEAD


class Wanted(NamedTuple):
    """What is wanted of events: values of `dimensions`, and `numbers`; sessions and users, where these are `chained`.

    `most` is the largest allowed number of each field that has one.
    """

    dimensions: Sequence[str]
    numbers: Sequence[str]
    chained: bool
    most: dict[str, float]


def can_scan(wanted: Wanted) -> bool:
    """Tell whether all that is wanted is something that is scanned, in a process whose hashes are known."""
    plain = all(len(name) <= KEY_MAX and name.isascii() and name.isprintable() for name in wanted.dimensions)
    return plain and len(wanted.dimensions) < 64 and NUMBERS.issuperset(wanted.numbers) and hash_key() is not None


class EventScanner:
    """Scans events. It keeps the texts that it met, and the order of their fields; results do not depend on either."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._fields = _fields_of(wanted)
        self._texts = no_texts()
        self._names: list[str] = [""]
        self._key = hash_key() or (np.uint64(0), np.uint64(0))

    def begin(self, rows: int) -> ScannedColumns:
        """Return columns for so many events, nothing of them read; the texts of earlier ones may be forgotten."""
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
        )

    def scan(
        self, text: bytes | memoryview, starts: Ints, ends: Ints, columns: ScannedColumns, first: int, bytes_max: int
    ) -> None:
        """Read lines of a text, each with a line end behind it, into the columns from row `first` on."""
        scan_events(TextLines(np.frombuffer(text, np.uint8), starts, ends), self._fields, columns, first, bytes_max)

    def scan_values(self, values: Sequence[bytes], columns: ScannedColumns, bytes_max: int) -> None:
        """Read texts into all rows of the columns."""
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)) + 1) - 1
        starts = np.concatenate((np.zeros(1, np.int64), ends + 1))[:-1]
        self.scan(LINE_END.join(values) + PADDING, starts, ends, columns, 0, bytes_max)

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
