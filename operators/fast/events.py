"""Lines of JSON to the columns of events: a line is taken only where all of it is surely valid and understood.

A line is an event, or a list of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.event_fields import Fields, key_at
from operators.fast.event_values import ScannedColumns, chain_event, field_behind
from operators.fast.skipping import (
    CLOSE,
    CLOSE_LIST,
    COLON,
    COMMA,
    OPEN,
    OPEN_LIST,
    QUOTE,
    RETURN,
    SPACE,
    key_behind,
    spaces,
    value_behind,
)
from operators.fast.words import BLOCK, Text, byte_at, line_end_bits, zero_bits_below

LINE_END = 10
EVENT_MIN = 50  # Bytes: an event with all required fields has some 60.
AHEAD = 40  # Bytes after a line end that may be looked at: a key's four words, and what `spaces` looks at.
ONE = np.uint64(1)


class TextLines(NamedTuple):
    """The places in a text where lines begin, and of the line end after each, (n,)."""

    text: Text
    starts: Ints
    ends: Ints


@inlined
def member_behind(text: Text, at: int, field: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read a key, of a field or unknown, and its value; return the place after them."""
    if field == len(fields.kinds):
        at = key_behind(text, at)
        return int(value_behind(text, at)) if at >= 0 else -1
    at += fields.keys.lengths[np.uint64(field)]
    if byte_at(text, at) != COLON:
        at = spaces(text, at)
        if byte_at(text, at) != COLON:
            return -1
    return int(field_behind(text, spaces(text, at + 1), field, row, fields, columns))


@inlined
def event_behind(text: Text, at: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read an event, and return the place after it; -1 where it is left to the decoder."""
    if byte_at(text, at) != OPEN:
        return -1
    at = spaces(text, at + 1)
    count = len(fields.kinds)
    last, seen = count, np.uint64(0)
    while byte_at(text, at) == QUOTE:
        field = key_at(text, at, fields.keys, last)
        if field < count:
            bit = ONE << np.uint64(field)
            if seen & bit:
                return -1
            seen |= bit
            last = field
        at = member_behind(text, at, field, row, fields, columns)
        if at >= 0 and byte_at(text, at) == COMMA and byte_at(text, at + 1) == QUOTE:
            at += 1
            continue
        at = spaces(text, at) if at >= 0 else -1
        if at < 0 or byte_at(text, at) != COMMA:
            is_whole = at >= 0 and byte_at(text, at) == CLOSE and (seen & fields.needed) == fields.needed
            return at + 1 if is_whole else -1
        at = spaces(text, at + 1)
    return -1


@inlined
def rest_is_blank(text: Text, at: int, end: int) -> bool:
    """Tell whether there is only white space, line ends included, from a place to the end of its line."""
    while at < end and (byte_at(text, at) == SPACE or byte_at(text, at) == LINE_END or byte_at(text, at) == RETURN):
        at += 1
    return at == end


@inlined
def events_behind(
    text: Text, at: int, row: int, room: int, fields: Fields, columns: ScannedColumns
) -> tuple[int, int, bool]:
    """Read an event or a list of them, at most `room`, into the rows from `row` on.

    Return the place after it, the row after the last that may have been written, and whether it is whole.
    """
    is_list = byte_at(text, at) == OPEN_LIST
    at, last = spaces(text, at + 1) if is_list else at, row + room
    while row < last:
        columns.spans[3], columns.spans[5] = 0, 0
        at = event_behind(text, at, row, fields, columns)
        row += 1
        if at < 0:
            return at, row, False
        chain_event(text, row - 1, columns)
        if not is_list:
            return at, row, True
        at = spaces(text, at)
        if byte_at(text, at) != COMMA:
            return at + 1, row, byte_at(text, at) == CLOSE_LIST
        at = spaces(text, at + 1)
    return at, row, False


@inlined
def clear_rows(start: int, stop: int, columns: ScannedColumns) -> None:
    """Reset rows to missing values, as other events are read into them."""
    for row in range(start, stop):
        columns.lineage[row] = False
        columns.chain[row] = columns.event[row] = 0
        for part in range(len(columns.codes)):
            columns.codes[part, row] = 0
        for field in range(len(columns.numbers)):
            columns.numbers[field, row] = np.nan


@kernel
def scan_events(
    lines: TextLines, fields: Fields, columns: ScannedColumns, message: int, row: int, bytes_max: int
) -> int:
    """Read the lines, messages from `message` on, into the rows from `row` on; return the row after them.

    The rows must hold missing values. A message gets a row for each of its events, or a single one that is not sure.
    At most AHEAD bytes after a line end are looked at; lines with fewer bytes after them are left to the decoder.
    """
    text = lines.text
    for line in range(len(lines.starts)):
        start, end, first = lines.starts[line], lines.ends[line], row
        columns.firsts[message + line] = first
        row += 1
        if end + AHEAD > len(text) or end - start > bytes_max or byte_at(text, end) != LINE_END:
            continue
        room = 1 if byte_at(text, start) != OPEN_LIST else (end - start) // EVENT_MIN + 1
        at, last, is_whole = events_behind(text, spaces(text, start), first, room, fields, columns)
        if is_whole and rest_is_blank(text, at, end):
            columns.sure[first:last] = True
            row = last
        else:
            clear_rows(first + 1, last, columns)
    return row


@kernel
def find_line_ends(text: Text, ends: Ints) -> int:
    """Write the places of line ends in a text, and return their number; `ends` has room for one per byte."""
    found = at = 0
    while at + BLOCK <= len(text):
        marks = line_end_bits(text, at)
        while marks:
            ends[found] = at + zero_bits_below(marks)
            found += 1
            marks &= marks - ONE
        at += BLOCK
    for rest in range(at, len(text)):
        if byte_at(text, rest) == LINE_END:
            ends[found] = rest
            found += 1
    return found


@kernel
def mark_first_rows(codes: Ints, sure: NDArray[np.bool_], rows: Ints) -> None:
    """Write into `rows`, (texts,) of -1, the first sure row that has the text of each code."""
    for row in range(len(codes)):
        if sure[row] and rows[codes[row]] < 0:
            rows[codes[row]] = row
