"""Lines of JSON to the columns of events: each is taken only where all of it is surely valid and surely understood."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined, kernel
from operators.fast.event_fields import Fields, key_at
from operators.fast.event_values import ScannedColumns, chain_event, field_behind
from operators.fast.skipping import CLOSE, COLON, COMMA, OPEN, QUOTE, RETURN, SPACE, key_behind, spaces, value_behind
from operators.fast.words import BLOCK, Text, byte_at, line_end_bits, zero_bits_below

LINE_END = 10
AHEAD = 40  # Bytes that may be looked at behind a line end: a key's four words, and what `spaces` looks at.
ONE = np.uint64(1)


class TextLines(NamedTuple):
    """Where lines begin in a text, and where the line end behind each stands, (n,)."""

    text: Text
    starts: Ints
    ends: Ints


@inlined
def member_behind(text: Text, at: int, field: int, row: int, fields: Fields, columns: ScannedColumns) -> int:
    """Read a key, which is that of a field or unknown, and its value; return what is behind them."""
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
    """Read an event, and return what is behind it; -1 where it is left to others."""
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
    """Tell whether nothing but white space, line ends too, stands from a place to the end of its line."""
    while at < end and (byte_at(text, at) == SPACE or byte_at(text, at) == LINE_END or byte_at(text, at) == RETURN):
        at += 1
    return at == end


@kernel
def scan_events(lines: TextLines, fields: Fields, columns: ScannedColumns, first: int, bytes_max: int) -> None:
    """Read the lines into the rows of `columns` from `first` on, which hold what stands for a missing value.

    Nothing behind AHEAD bytes after a line end is looked at; lines without these are left to others.
    """
    text = lines.text
    for line in range(len(lines.starts)):
        start, end, row = lines.starts[line], lines.ends[line], first + line
        if end + AHEAD > len(text) or end - start > bytes_max or byte_at(text, end) != LINE_END:
            continue
        columns.spans[3], columns.spans[5] = 0, 0
        at = event_behind(text, spaces(text, start), row, fields, columns)
        columns.sure[row] = at >= 0 and rest_is_blank(text, at, end)
        if columns.sure[row]:
            chain_event(text, row, columns)


@kernel
def find_line_ends(text: Text, ends: Ints) -> int:
    """Write where line ends stand in a text, and return how many do; `ends` has room for one in each byte."""
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
    """Write into `rows`, (texts,) of -1, in which of the sure rows the text of each code comes first."""
    for row in range(len(codes)):
        if sure[row] and rows[codes[row]] < 0:
            rows[codes[row]] = row
