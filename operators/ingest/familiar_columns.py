"""The columns of events whose names are numbers already (`familiar.py`)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.ingest.chains import chains_of
from operators.ingest.columns import times_of
from operators.ingest.duplicates import id_hashes
from operators.ingest.event_reader import EventReader
from operators.ingest.familiar import Shape
from operators.ingest.packed import PackError, packed_doubles, packed_ints
from operators.ingest.read_events import NONE, ReadEvents

FAMILIAR_NUMBERS = frozenset(("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "score"))
WHOLE_NUMBERS = frozenset(("input_tokens", "output_tokens"))

Columns = dict[str, Sequence[Any]]


class FamiliarColumns:
    """Reads familiar events of one batch for a reader, piece by piece."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader
        self._shape: Shape | None = None
        self._tables: dict[str, Ints] = {}

    def read(self, events: Sequence[Any], shape: Shape) -> tuple[ReadEvents, Ints] | None:
        """Return what was read of some events, and their times; None where some are copies of requests."""
        if shape is not self._shape:
            self._shape, self._tables = shape, {}
        columns: Columns = dict(zip(shape.fields, zip(*map(astuple, events), strict=True), strict=True))
        if any(columns.get("mirrored", ())):
            return None
        reader, rows = self._reader, len(events)
        columns |= self._slices(columns.get("slices"), shape, rows)
        chain, event = _chains(columns, rows) if reader.chained else (NONE, NONE)
        read = ReadEvents(
            parts=self._parts(columns, shape),
            errors=self._errors(columns, shape, rows),
            numbers={field: _numbers(columns.get(field), field, rows) for field in reader.fields},
            requests=id_hashes([*columns["request_id"]]) if reader.deduplicates else NONE,
            chain=chain,
            event=event,
            lineage=_lineage(columns, rows),
            faults={},
        )
        return read, times_of(columns["ts"])

    def _slices(self, slices: Sequence[Any] | None, shape: Shape, rows: int) -> Columns:
        """Return the values of the policy's dimensions; of one that no event has, number 0, which is none."""
        none = [0.0] * rows
        found: Columns = {}
        if slices is not None and shape.slices:
            try:
                values = [*zip(*map(astuple, slices), strict=True)]
            except TypeError:  # Some events have no slices.
                values = [*zip(*(astuple(each or shape.no_slices) for each in slices), strict=True)]
            found = dict(zip(shape.slices, values, strict=True))
        return {f"slices.{name}": found.get(name, none) for name in self._reader.dimensions}

    def _parts(self, columns: Columns, shape: Shape) -> list[Ints]:
        names = ("model", "version", *(f"slices.{name}" for name in self._reader.dimensions))
        parts = self._reader.parts
        return [
            self._numbers(name, columns[name], shape, index, lambda text, part=part: parts.counted(part, text))  # type: ignore[misc]
            for part, (name, index) in enumerate(zip(names, parts.indices, strict=True))
        ]

    def _errors(self, columns: Columns, shape: Shape, rows: int) -> Ints:
        kinds = columns.get("error_type")
        if kinds is None:
            return np.zeros(rows, np.int64)
        return self._numbers("error_type", [kind or 0.0 for kind in kinds], shape, self._reader.error_types, str)

    def _numbers(
        self, name: str, column: Sequence[Any], shape: Shape, index: Any, counted: Callable[[str], str]
    ) -> Ints:
        """Return the number of each event's text in an index; new texts are numbered in order."""
        texts = shape.names[name]
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = np.full(len(texts), -1)
        codes = packed_doubles(column).astype(np.int64)
        numbers: Ints = table[codes]
        if numbers.min() < 0:
            for code in dict.fromkeys(codes[numbers < 0].tolist()):
                table[code] = index.number(counted(texts[code]))
            numbers = table[codes]
        return numbers


def _numbers(column: Sequence[Any] | None, field: str, rows: int) -> Floats:
    if column is None:
        return np.full(rows, np.nan)
    try:
        return packed_ints(column).astype(float) if field in WHOLE_NUMBERS else packed_doubles(column)
    except PackError:
        return np.array(column, float)


def _chains(columns: Columns, rows: int) -> tuple[Ints, Ints]:
    none = [None] * rows
    sessions, users = columns.get("session_id", none), columns.get("user_id", none)
    if sessions is none and users is none:
        zeros = np.zeros(rows, np.int64)
        return zeros, zeros
    return chains_of(columns["request_id"], none, sessions, users)


def _lineage(columns: Columns, rows: int) -> NDArray[np.bool_]:
    """Return which events name a prompt version or an endpoint."""
    none = [None] * rows
    prompts, endpoints = columns.get("prompt_version", none), columns.get("endpoint", none)
    if all(prompts):
        return np.ones(rows, bool)
    pairs = zip(prompts, endpoints, strict=True)
    return np.array([prompt is not None or endpoint is not None for prompt, endpoint in pairs], bool)
