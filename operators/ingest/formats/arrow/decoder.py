"""Arrow messages to items, row by row, exactly as their JSON would be decoded: a good row beside a bad one survives.

Where it can, the monitor takes whole columns of events instead (`event_columns.py`).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from operators.ingest.formats.arrow.batches import WrongBatch, arrow_table_of
from operators.ingest.formats.arrow.rows import RowTexts, row_texts
from operators.ingest.formats.format import Decoded
from operators.ingest.formats.native import FAULTS_MAX, Decoder
from operators.ingest.formats.origin import ItemTexts, Origin, Reject
from operators.ingest.messages import Messages
from operators.ingest.unread import unread_fields
from operators.ingest.usable import UNDECODABLE
from operators.policy.policy import Policy


class ArrowDecoder:
    """Decodes an input whose rows are items of one wire type. Keeps nothing between calls."""

    def __init__(self, kind: Any, policy: Policy) -> None:
        self.bytes_max = policy.dead_letters.message_bytes_max
        self._kind = kind
        self._decoder: Decoder[Any] = Decoder(kind, self.bytes_max)
        self.again: Callable[[bytes], Any] | None = self._decoder.again

    def decode(self, messages: Messages) -> Decoded:
        """Return the valid items in order, where they came from, and the rejects."""
        items: list[Any] = []
        message_of: list[int] = []
        item_of: list[int] = []
        rejects: list[Reject] = []
        unusable: Counter[str] = Counter()
        for index, message in enumerate(messages.values):
            position = messages.positions[index]
            refused: list[Reject] = []
            rows = self._rows(message, position, refused)
            for number, text in enumerate(rows):
                try:
                    items.append(self._decoder.item(text, unusable))
                except UNDECODABLE as error:
                    reason, detail = self._decoder.reason(text, error)
                    refused.append(Reject(position=position, item=number, reason=reason, detail=detail, value=text))
                    if len(refused) == FAULTS_MAX and number + 1 < len(rows):
                        refused.append(_rest(position, rows, number + 1))
                        break
                else:
                    message_of.append(index)
                    item_of.append(number)
            rejects += refused
        texts = ItemTexts(split=row_texts)
        origin = Origin(messages=messages, message_of=message_of, item_of=item_of, texts=texts, unusable=unusable)
        return Decoded(items=items, origin=origin, rejects=rejects, unread=self.unread(messages))

    def unread(self, messages: Messages) -> tuple[str, ...]:
        """Return the columns of the first message that are not read."""
        try:
            texts = row_texts(messages.values[0]) if len(messages) and messages.values[0] else ()
            return tuple(unread_fields(texts[0], self._kind)) if len(texts) else ()
        except WrongBatch:
            return ()  # The message is refused, and that is reported.

    def _rows(self, message: bytes, position: int, rejects: list[Reject]) -> list[bytes]:
        if not message:
            return []
        if len(message) > self.bytes_max:
            detail = f"{len(message)} bytes, allowed are {self.bytes_max}"
            rejects.append(Reject(position=position, item=0, reason="too_large", detail=detail, value=message))
            return []
        try:
            return RowTexts(arrow_table_of(message)).all()
        except WrongBatch as error:
            rejects.append(Reject(position=position, item=0, reason="bad_arrow", detail=str(error), value=message))
            return []


def _rest(position: int, rows: list[bytes], start: int) -> Reject:
    """Return one reject for all rows from `start` on, which are not looked at."""
    detail = f"{len(rows) - start} items after {FAULTS_MAX} that were refused were not looked at"
    return Reject(
        position=position, item=start, reason="too_many_faults", detail=detail, value=b"\n".join(rows[start:])
    )
