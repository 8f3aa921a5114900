"""Reads the values of an event's fields; the end is -1 for a value that is not surely valid, or not understood."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.fast.chaining import first_attempt_hash, prefixed_hash
from operators.fast.compiled import inlined
from operators.fast.event_fields import (
    ABSENT,
    AMOUNT,
    COUNT,
    ERROR,
    FALSE_ONLY,
    FLAGS,
    ID,
    LABEL,
    LINEAGE,
    METRICS,
    NAME,
    OBJECT,
    SCORE,
    SESSION,
    SLICES,
    TIME,
    Fields,
    key_at,
)
from operators.fast.interning import Interned, number_of_text
from operators.fast.numerals import MINUS, number, whole_number
from operators.fast.siphash import text_hash
from operators.fast.skipping import (
    CLOSE,
    CLOSE_LIST,
    COLON,
    COMMA,
    FALSE,
    FIVE,
    OPEN,
    OPEN_LIST,
    QUOTE,
    F,
    N,
    T,
    key_behind,
    null_behind,
    scalar_behind,
    spaces,
    text_end,
    value_behind,
)
from operators.fast.words import Text, byte_at, rarely, word_at

TEXT_MAX = 128
TS_MS_MIN, TS_MS_MAX = 946_684_800_000, 4_102_444_800_000
ONE = np.uint64(1)
S, U = np.uint64(ord("s")), np.uint64(ord("u"))


class ScannedColumns(NamedTuple):
    """The columns of n events: `times` [Unix ms], hashes of `requests`, whether a prompt or endpoint is named (n,).

    `codes` (parts, n) number model, version, dimension values and error type in `texts`; `numbers` (fields, n). `sure`
    (n,) marks the events that were read in full: nothing of the others counts. `key` is that of the hashes. `chain`
    and `event` (n,) are hashes of the chain, 0 for none, and the event. `spans` (6,) are the starts of request, session
    and user of the current event, each with its length. `firsts` (messages,): the row of each message's first event.
    """

    sure: NDArray[np.bool_]
    times: Ints
    requests: Ints
    lineage: NDArray[np.bool_]
    codes: Ints
    numbers: Floats
    texts: Interned
    key: tuple[np.uint64, np.uint64]
    chain: Ints
    event: Ints
    spans: Ints
    firsts: Ints


@inlined
def short_text(text: Text, at: int) -> tuple[int, int]:
    """Return the place after a text of at most 128 characters, and its length."""
    if byte_at(text, at) != QUOTE:
        return -1, 0
    end = text_end(text, at + 1)
    size = end - at - 1
    if end < 0 or size > TEXT_MAX:
        rarely()
        return -1, 0
    return end + 1, size


@inlined
def request_behind(text: Text, at: int, row: int, columns: ScannedColumns) -> int:
    end, size = short_text(text, at)
    if end < 0 or size == 0:
        return -1
    columns.spans[0], columns.spans[1] = at + 1, size
    columns.requests[row] = text_hash(text, at + 1, size, columns.key)
    return int(end)


@inlined
def time_behind(text: Text, at: int, row: int, columns: ScannedColumns) -> int:
    end, value = whole_number(text, at)
    if value < TS_MS_MIN or value > TS_MS_MAX:
        return -1
    columns.times[row] = value
    return int(end)


@inlined
def name_behind(text: Text, at: int, part: int, row: int, columns: ScannedColumns) -> int:
    """Read a text, which may be empty, into the codes of a part."""
    end, size = short_text(text, at)
    if end < 0:
        return -1
    code = number_of_text(text, at + 1, size, columns.texts)
    columns.codes[part, row] = code
    return int(end) if code >= 0 else -1


@inlined
def amount_behind(text: Text, at: int, most: float) -> tuple[int, float]:
    end, value = number(text, at)
    if not value <= most:
        rarely()
        return -1, 0.0
    return end, value


@inlined
def signed_behind(text: Text, at: int, most: float) -> tuple[int, float]:
    if byte_at(text, at) != MINUS:
        return amount_behind(text, at, most)
    end, value = amount_behind(text, at + 1, most)
    return end, -value


@inlined
def numeral_behind(text: Text, at: int, kind: int, most: float) -> tuple[int, float]:
    """Return the end of a number and the number, as its kind allows."""
    if kind == COUNT:
        end, count = whole_number(text, at)
        if count > most:
            rarely()
            return -1, 0.0
        return end, float(count)
    if kind == SCORE:
        return signed_behind(text, at, most)
    return amount_behind(text, at, most)


@inlined
def slice_behind(text: Text, at: int, row: int, dimension: int, columns: ScannedColumns) -> int:
    """Read a value of a dimension, -1 for one that is not needed."""
    if dimension >= 0:
        return int(name_behind(text, at, 2 + dimension, row, columns))
    end, _ = short_text(text, at)
    return int(end)


@inlined
def slices_behind(text: Text, at: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read an object of texts; each dimension may occur at most once."""
    if byte_at(text, at) != OPEN:
        return -1
    at = spaces(text, at + 1)
    if byte_at(text, at) == CLOSE:
        return at + 1
    keys = fields.dimensions
    count = len(keys.lengths)
    last, seen = count, np.uint64(0)
    while True:
        key = key_at(text, at, keys, last)
        if key < count:
            bit = ONE << np.uint64(key)
            if seen & bit:
                return -1
            seen |= bit
            last = key
            at += keys.lengths[np.uint64(key)]
        else:
            at, _ = short_text(text, at)
            if at < 0:
                return -1
        at = spaces(text, at)
        if byte_at(text, at) != COLON:
            return -1
        at = slice_behind(text, spaces(text, at + 1), row, key if key < count else -1, columns)
        at = spaces(text, at) if at >= 0 else -1
        if at < 0 or byte_at(text, at) != COMMA:
            return at + 1 if at >= 0 and byte_at(text, at) == CLOSE else -1
        at = spaces(text, at + 1)


@inlined
def metrics_behind(text: Text, at: int) -> int:
    """Skip an object of numbers and booleans."""
    if byte_at(text, at) != OPEN:
        return -1
    at = spaces(text, at + 1)
    if byte_at(text, at) == CLOSE:
        return at + 1
    while True:
        at = key_behind(text, at)
        if at < 0:
            return -1
        if byte_at(text, at) == T or byte_at(text, at) == F:
            at = scalar_behind(text, at)
        else:
            at, _ = signed_behind(text, at, 1e12)
        at = spaces(text, at) if at >= 0 else -1
        if at < 0 or byte_at(text, at) != COMMA:
            return at + 1 if at >= 0 and byte_at(text, at) == CLOSE else -1
        at = spaces(text, at + 1)


@inlined
def flags_behind(text: Text, at: int) -> int:
    """Skip a list of texts."""
    if byte_at(text, at) != OPEN_LIST:
        return -1
    at = spaces(text, at + 1)
    if byte_at(text, at) == CLOSE_LIST:
        return at + 1
    while True:
        at, _ = short_text(text, at)
        at = spaces(text, at) if at >= 0 else -1
        if at < 0 or byte_at(text, at) != COMMA:
            return at + 1 if at >= 0 and byte_at(text, at) == CLOSE_LIST else -1
        at = spaces(text, at + 1)


@inlined
def container_behind(text: Text, at: int, kind: int) -> int:
    """Skip a value that the kind ANY, OBJECT, METRICS or FLAGS allows."""
    if kind == METRICS:
        return int(metrics_behind(text, at))
    if kind == FLAGS:
        return int(flags_behind(text, at))
    if kind == OBJECT and byte_at(text, at) != OPEN:
        return -1
    return int(value_behind(text, at))


@inlined
def who_behind(text: Text, at: int, kind: int, columns: ScannedColumns) -> int:
    """Note the place of a session or user."""
    end, size = short_text(text, at)
    place = 2 if kind == SESSION else 4
    columns.spans[place], columns.spans[place + 1] = at + 1, size
    return int(end)


@inlined
def chain_event(text: Text, row: int, columns: ScannedColumns) -> None:
    """Write the chain of an event that names a session, or else a user."""
    spans = columns.spans
    if spans[3] > 0:
        columns.chain[row] = prefixed_hash(text, spans[2], spans[3], S)
    elif spans[5] > 0:
        columns.chain[row] = prefixed_hash(text, spans[4], spans[5], U)
    else:
        return
    columns.event[row] = first_attempt_hash(text, spans[0], spans[1])


@inlined
def optional_behind(text: Text, at: int, kind: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read the value, other than null, of an optional field that is not a number."""
    if kind == SLICES:
        return int(slices_behind(text, at, row, fields, columns))
    if kind == ERROR:
        return int(name_behind(text, at, len(columns.codes) - 1, row, columns))
    if kind in (LINEAGE, LABEL):
        end, _ = short_text(text, at)
        if kind == LINEAGE:
            columns.lineage[row] = True
        return int(end)
    if kind == FALSE_ONLY:
        return at + 5 if (word_at(text, at) & FIVE) == FALSE else -1
    if kind >= SESSION:
        return int(who_behind(text, at, kind, columns))
    return -1 if kind == ABSENT else int(container_behind(text, at, kind))


@inlined
def needed_behind(text: Text, at: int, field: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read the value of a required field."""
    kind = fields.kinds[np.uint64(field)]
    if kind == ID:
        return int(request_behind(text, at, row, columns))
    if kind == TIME:
        return int(time_behind(text, at, row, columns))
    end = name_behind(text, at, fields.columns[np.uint64(field)], row, columns)
    return int(end) if columns.codes[fields.columns[np.uint64(field)], row] > 0 else -1


@inlined
def field_behind(text: Text, at: int, field: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read the value of a field into its column, and return the place after it."""
    kind = fields.kinds[np.uint64(field)]
    if kind <= NAME:
        return int(needed_behind(text, at, field, row, fields, columns))
    if byte_at(text, at) == N:
        return int(null_behind(text, at))
    if AMOUNT <= kind <= COUNT:
        end, value = numeral_behind(text, at, kind, fields.most[np.uint64(field)])
        if fields.columns[np.uint64(field)] >= 0:
            columns.numbers[fields.columns[np.uint64(field)], row] = value
        return int(end)
    return int(optional_behind(text, at, kind, row, fields, columns))
