"""Messages of events as Arrow, read table by table: columns where all is surely valid, rows where it is not."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from operators.arrays import Floats, Ints
from operators.ingest.chains import chains_of
from operators.ingest.columns import times_of
from operators.ingest.duplicates import request_hashes
from operators.ingest.event_reader import EventReader
from operators.ingest.formats.arrow.batches import WrongBatch, arrow_table_of
from operators.ingest.formats.arrow.decoder import ArrowDecoder
from operators.ingest.formats.arrow.event_columns import Columns, event_columns_of, float_column, is_set, text_codes
from operators.ingest.formats.arrow.rows import row_texts
from operators.ingest.formats.format import ItemDecoder
from operators.ingest.formats.origin import ItemTexts, Origin, Reject
from operators.ingest.messages import Messages
from operators.ingest.parts import VERSION
from operators.ingest.read_events import NONE, ReadEvents, ScannedReads, joined_reads
from operators.ingest.reserved import is_reserved
from operators.wire.mirrored import is_mirrored, mirrored

Coded = tuple[Ints, list[str]]  # The code of each row, and the texts that codes stand for.
ROWS_MAX = 16_000  # Rows read at once, of messages with the same columns: more do not fit the processor's caches.


class _Joined:
    """What several messages hold, in order."""

    def __init__(self, messages: Messages, decoder: ArrowDecoder, reader: EventReader) -> None:
        self._messages, self._decoder, self._reader = messages, decoder, reader
        self.reads: list[ReadEvents] = []
        self.times: list[Ints] = [NONE]
        self.message_of: list[int] = []
        self.item_of: list[int] = []
        self.rejects: list[Reject] = []
        self.unusable: Counter[str] = Counter()

    def add(self, tables: Sequence[tuple[int, pa.Table]]) -> None:
        """Take messages with the same columns, each with its number."""
        columns = event_columns_of(_as_one([table for _, table in tables])) if tables else None
        if columns is None and len(tables) > 1:
            for each in tables:
                self.add([each])
        elif columns is None or not (named := _named(columns)):
            for index, _ in tables:
                self.decode(index)
        else:
            self.reads.append(_read(columns, named, self._reader))
            self.times.append(columns["ts"].to_numpy(zero_copy_only=False))
            for index, table in tables:
                self.message_of += [index] * table.num_rows
                self.item_of += range(table.num_rows)

    def decode(self, index: int) -> None:
        """Take a message row by row."""
        decoded = self._decoder.decode(self._messages.part(index, index + 1))
        self.reads.append(self._reader.read(decoded.items))
        self.times.append(times_of([item.ts for item in decoded.items]))
        self.message_of += [index] * len(decoded.items)
        self.item_of += decoded.origin.item_of or ()
        self.rejects += decoded.rejects
        self.unusable.update(decoded.origin.unusable)


def read_tables(messages: Messages, decoder: ItemDecoder, reader: EventReader) -> ScannedReads | None:
    """Return what some messages hold; None where the policy needs single events."""
    if reader.of_slis or not len(messages) or not isinstance(decoder, ArrowDecoder):
        return None
    joined = _Joined(messages, decoder, reader)
    waiting: list[tuple[int, pa.Table]] = []
    for index, message in enumerate(messages.values):
        table = _table(message, decoder.bytes_max)
        if waiting and (table is None or not _fits(waiting, table)):
            joined.add(waiting)
            waiting = []
        if table is None:
            joined.decode(index)
        else:
            waiting.append((index, table))
    joined.add(waiting)
    return ScannedReads(
        read=joined_reads(joined.reads),
        times=np.concatenate(joined.times),
        origin=Origin(
            messages=messages,
            message_of=joined.message_of,
            item_of=joined.item_of,
            texts=ItemTexts(split=row_texts),
            unusable=joined.unusable,
        ),
        rejects=joined.rejects,
        unread=decoder.unread(messages),
    )


def _table(message: bytes, bytes_max: int) -> pa.Table | None:
    try:
        return arrow_table_of(message) if 0 < len(message) <= bytes_max else None
    except WrongBatch:
        return None


def _fits(waiting: Sequence[tuple[int, pa.Table]], table: pa.Table) -> bool:
    rows = sum(each.num_rows for _, each in waiting)
    return rows + table.num_rows <= ROWS_MAX and bool(waiting[0][1].schema.equals(table.schema))


def _as_one(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).unify_dictionaries()


def _named(columns: Columns) -> list[Coded]:
    """Return the codes and names of models and versions; empty where one has one of rollguard's own names."""
    coded = [text_codes(columns[name]) for name in ("model", "version")]
    return [] if any(is_reserved(text) for _, texts in coded for text in texts) else coded


def _read(columns: Columns, named: Sequence[Coded], reader: EventReader) -> ReadEvents:
    count = len(columns["ts"])
    parts = [_numbered(part, *coded, reader) for part, coded in enumerate(_parts(columns, named, reader))]
    errors = _coded(columns, "error_type", count)
    ids, attempts = columns["request_id"].to_pylist(), _values(columns, "attempt", count)
    chain, event = _chains(columns, ids, attempts) if reader.chained else (NONE, NONE)
    return ReadEvents(
        parts=parts,
        errors=_by_first(*errors, reader.error_types.number),
        numbers={field: _numbers(columns, field, count) for field in reader.fields},
        requests=request_hashes(ids, attempts) if reader.deduplicates else NONE,
        chain=chain,
        event=event,
        lineage=is_set(columns.get("prompt_version"), count) | is_set(columns.get("endpoint"), count),
        faults={},
    )


def _chains(columns: Columns, ids: Sequence[str], attempts: Sequence[int | None]) -> tuple[Ints, Ints]:
    if not any(name in columns for name in ("session_id", "user_id", "attempt")):
        none = np.zeros(len(ids), np.int64)
        return none, none
    sessions, users = (_values(columns, name, len(ids)) for name in ("session_id", "user_id"))
    return chains_of(ids, attempts, sessions, users)


def _parts(columns: Columns, named: Sequence[Coded], reader: EventReader) -> Iterator[Coded]:
    """Yield the codes and texts of models, versions and dimension values."""
    count = len(columns["ts"])
    model, (codes, texts) = named
    yield model
    if "mirrored" in columns:
        copies = columns["mirrored"].fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        names = [text if is_mirrored(text) else mirrored(text) for text in texts]
        codes, texts = np.where(copies, codes + len(texts), codes), [*texts, *names]
    yield codes, texts
    for name in reader.dimensions:
        yield _coded(columns, f"slices.{name}", count)


def _numbered(part: int, codes: Ints, texts: Sequence[str], reader: EventReader) -> Ints:
    counted = [text if is_mirrored(text) else reader.parts.counted(part, text) for text in texts]
    return _by_first(codes, counted if part == VERSION else texts, reader.parts.indices[part].number)


def _by_first(codes: Ints, texts: Sequence[str], number: Callable[[str], int]) -> Ints:
    """Return the numbers of texts, (n,): new ones are numbered in order of first appearance."""
    firsts, table = np.full(len(texts), -1), np.zeros(len(texts), np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]  # The last write stays.
    used = np.flatnonzero(firsts >= 0)
    for code in used[np.argsort(firsts[used])].tolist():
        table[code] = number(texts[code])
    return table[codes]


def _coded(columns: Columns, name: str, count: int) -> Coded:
    return text_codes(columns[name]) if name in columns else (np.zeros(count, np.int64), [""])


def _values(columns: Columns, name: str, count: int) -> list[Any]:
    return columns[name].to_pylist() if name in columns else [None] * count


def _numbers(columns: Columns, field: str, count: int) -> Floats:
    return float_column(columns.get(field), count)
