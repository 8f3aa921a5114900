"""A row that ClickHouse refuses for its values, as a dead letter: kept in full, so that it can be sent again."""

from base64 import b64decode, b64encode

import msgspec

from operators.ingest.usable import UNDECODABLE

PREFIX = "clickhouse:"
REASON = "row_refused"


class Poison(msgspec.Struct, frozen=True, kw_only=True):
    """A row that cannot be stored: `row` is JSON, for people.

    `arrow` is the row as it was sent, a stream of Arrow; empty if it does not fit the columns of its table.
    """

    table: str
    row: str
    error: str
    arrow: bytes = b""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """The form of such a row among the dead letters; other kinds have another reason."""

    source: str
    reason: str
    detail: str = ""
    value: str = ""
    arrow: str = ""


_decode = msgspec.json.Decoder(Letter).decode


def letter_of(poison: Poison) -> bytes:
    """Return the dead letter of a row, as JSON."""
    return msgspec.json.encode(
        Letter(
            source=PREFIX + poison.table,
            reason=REASON,
            detail=poison.error,
            value=poison.row,
            arrow=b64encode(poison.arrow).decode(),
        )
    )


def is_letter(line: bytes) -> bool:
    """Tell whether a line is a dead letter of any kind.

    >>> is_letter(b'{"source": "events/0", "reason": "bad_json"}'), is_letter(b"[]")
    (True, False)
    """
    try:
        _decode(line)
    except UNDECODABLE:
        return False
    return True


def row_of(letter: bytes) -> Poison | None:
    """Return the refused row of a dead letter, or None if it is another kind of letter, or not a letter.

    >>> row_of(letter_of(Poison(table="sli_pane", row="{}", error="no", arrow=b"ab")))
    Poison(table='sli_pane', row='{}', error='no', arrow=b'ab')
    >>> row_of(b'{"source": "events/0", "reason": "bad_json"}')
    """
    try:
        found = _decode(letter)
        arrow = b64decode(found.arrow, validate=True)
    except (*UNDECODABLE, ValueError):
        return None
    if found.reason != REASON or not found.source.startswith(PREFIX):
        return None
    return Poison(table=found.source.removeprefix(PREFIX), row=found.value, error=found.detail, arrow=arrow)
