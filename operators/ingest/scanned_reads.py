"""Events that were scanned, joined with those between them that were decoded, in the order of the log."""

from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, nth_of_each
from operators.ingest.columns import times_of
from operators.ingest.event_reader import EventReader
from operators.ingest.formats.format import Decoded, ItemDecoder
from operators.ingest.formats.origin import ItemTexts, Origin
from operators.ingest.messages import Messages
from operators.ingest.read_events import NONE, ReadEvents, ScannedReads
from operators.ingest.scanning import MessageScanner, sure_messages
from operators.wire.events import Event

DECODED = 512  # Messages decoded at once.
TRIED = 64  # Messages that are scanned as a trial, where scanning was of no use before.
LOOKED_AT = 20_000  # One of so many messages is checked for fields that are not read.
Flags = NDArray[np.bool_]

Value = TypeVar("Value", bound=np.generic)


class _Rows(msgspec.Struct, frozen=True, kw_only=True):
    """Which of n events were scanned, which decoded, and the row of each in the scanned columns, (n,).

    For a decoded event that is the row of its message, which no other message has.
    """

    scanned: Ints
    decoded: Ints
    sources: Ints

    def joined(self, scanned: NDArray[Value], decoded: NDArray[Value]) -> NDArray[Value]:
        """Return a column of all events; `scanned` is given by row."""
        if len(self.scanned) == len(scanned):
            return scanned
        out: NDArray[Value] = scanned[self.sources]
        out[self.decoded] = decoded
        return out


def scanned_reads(
    scanner: MessageScanner, messages: Messages, decoder: ItemDecoder, reader: EventReader
) -> ScannedReads | None:
    """Return what messages hold; None where so many of them need decoding that scanning is of no use.

    If that was so for the last messages, a few are tried before all are scanned.
    """
    if scanner.useless and _is_useless(sure_messages(scanner.scan(messages.values[:TRIED])[0])):
        return None
    columns, names = scanner.scan(messages.values)
    sure = sure_messages(columns)
    unsure = np.flatnonzero(~sure)
    scanner.useless = _is_useless(sure)
    if scanner.useless:
        return None
    looks = [decoder.decode(messages.part(at, at + 1)) for at in range(0, len(messages), LOOKED_AT)]
    pieces = [
        (unsure[at : at + DECODED], decoder.decode(messages.at(unsure[at : at + DECODED])))
        for at in range(0, len(unsure), DECODED)
    ]
    events: list[Event] = [event for _, piece in pieces for event in piece.items]
    origin, rows = _places(messages, columns, sure, pieces, looks[0].origin.texts.split)
    parts, errors = _numbers(columns, names, rows, events, scanner, reader)
    read = reader.read_with(events, [part[rows.decoded] for part in parts], errors[rows.decoded])
    return ScannedReads(
        read=_joined(columns, read, rows, parts, errors, reader),
        times=rows.joined(columns.times, times_of([event.ts for event in events])),
        origin=origin,
        rejects=[reject for _, piece in pieces for reject in piece.rejects],
        unread=[name for look in looks for name in look.unread],
    )


def _is_useless(sure: Flags) -> bool:
    """Tell whether more than half of the messages have to be decoded."""
    return 2 * int(sure.sum()) < len(sure)


def _places(
    messages: Messages,
    columns: Any,
    sure: Flags,
    pieces: Sequence[tuple[Ints, Decoded]],
    split: Callable[[bytes], Sequence[bytes]],
) -> tuple[Origin, _Rows]:
    """Return where all events came from, and which of them were scanned.

    All events of `sure` messages were; `split` splits a message into its items.
    """
    if len(columns.sure) == len(messages) and sure.all():
        every = np.arange(len(messages))
        one_each = Origin(messages=messages, message_of=range(len(messages)), texts=ItemTexts(split=split))
        return one_each, _Rows(scanned=every, decoded=NONE, sources=every)
    firsts = columns.firsts
    found = np.concatenate([NONE, *(unsure[piece.origin.messages_of] for unsure, piece in pieces)])
    counts = np.where(sure, np.diff(firsts, append=len(columns.sure)), np.bincount(found, minlength=len(messages)))
    message_of = np.repeat(np.arange(len(messages)), counts)
    is_scanned = sure[message_of]
    of_one = len(columns.sure) == len(messages)
    item_of = np.zeros_like(message_of) if of_one else nth_of_each(counts)
    rows = _Rows(
        scanned=np.flatnonzero(is_scanned),
        decoded=np.flatnonzero(~is_scanned),
        sources=message_of if of_one else firsts[message_of] + np.where(is_scanned, item_of, 0),
    )
    origin = Origin(
        messages=messages,
        message_of=range(len(messages)),
        texts=ItemTexts(split=split),
        unusable=sum((Counter(piece.origin.unusable) for _, piece in pieces), Counter()),
    )
    if (counts == 1).all():
        return origin, rows
    item_of[rows.decoded] = [item for _, piece in pieces for item in _items_of(piece.origin)]
    return msgspec.structs.replace(origin, message_of=_numbers_of(message_of), item_of=_numbers_of(item_of)), rows


def _numbers_of(column: Ints) -> Sequence[int]:
    """Return a column as Python numbers, which are made when they are read."""
    return array("q", column.tobytes())


def _items_of(origin: Origin) -> Sequence[int]:
    return [0] * len(origin.message_of) if origin.item_of is None else origin.item_of


def _numbers(
    columns: Any,
    names: Sequence[str],
    rows: _Rows,
    events: Sequence[Event],
    scanner: MessageScanner,
    reader: EventReader,
) -> tuple[list[Ints], Ints]:
    """Number the names, dimension values and error types of all events, in order of first appearance."""
    texts = [*reader.parts.texts(events), [event.error_type or "" for event in events]]
    indices = [*reader.parts.indices, reader.error_types]
    numbers = []
    for part, (codes, index, others) in enumerate(zip(columns.codes, indices, texts, strict=True)):
        firsts = scanner.first_rows(codes, columns.sure, len(names))
        known = np.flatnonzero(firsts >= 0)
        counted = [reader.parts.counted(part, names[code]) for code in known.tolist()]
        # By row, not by event: the events of a message were either all scanned or all decoded.
        came = [(row, text) for row, text in zip(firsts[known].tolist(), counted, strict=True) if text not in index]
        decoded = zip(rows.sources[rows.decoded].tolist(), others, strict=True)
        came += [(row, text) for row, text in decoded if text not in index]
        for _, text in sorted(came, key=itemgetter(0)):
            index.number(text)
        table = np.zeros(len(names), np.int64)
        table[known] = [index[text] for text in counted]
        numbers.append(rows.joined(table[codes], np.array([index[text] for text in others], np.int64)))
    return numbers[:-1], numbers[-1]


def _joined(
    columns: Any, read: ReadEvents, rows: _Rows, parts: Sequence[Ints], errors: Ints, reader: EventReader
) -> ReadEvents:
    """Return what was read of all events; `read` has the decoded ones."""
    return ReadEvents(
        parts=parts,
        errors=errors,
        numbers={
            field: rows.joined(column, read.numbers[field])
            for field, column in zip(reader.fields, columns.numbers, strict=True)
        },
        requests=rows.joined(columns.requests, read.requests) if reader.deduplicates else NONE,
        chain=rows.joined(columns.chain, read.chain) if reader.chained else NONE,
        event=rows.joined(columns.event, read.event) if reader.chained else NONE,
        lineage=rows.joined(columns.lineage, read.lineage),
        faults={int(rows.decoded[place]): fault for place, fault in read.faults.items()},
    )
