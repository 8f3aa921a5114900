"""Reads events that are like earlier ones as columns, piece by piece; other pieces are decoded as usual."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.chunks import pieces_of
from operators.ingest.columns import fields_of, times_of
from operators.ingest.event_reader import EventReader
from operators.ingest.familiar import FamiliarDecoder, MetBefore
from operators.ingest.familiar_columns import FAMILIAR_NUMBERS, FamiliarColumns
from operators.ingest.fields import is_feedback
from operators.ingest.formats.format import ItemDecoder
from operators.ingest.formats.origin import ItemTexts, Origin, Reject, joined_origins
from operators.ingest.lines import lengths_of
from operators.ingest.messages import Messages
from operators.ingest.read_events import ReadEvents, ScannedReads, joined_reads
from operators.ingest.scanned_reads import LOOKED_AT
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.policy import Policy
from operators.wire.events import Event

WAIT_MAX = 64  # Pieces that are decoded as usual after an unfamiliar one; at first fewer.


def familiar_reads_for(policy: Policy) -> "FamiliarReads | None":
    """Return the reader of events for a policy; None where it needs more than times, ids, names and numbers."""
    fields = {field for field in fields_of(policy) if not is_feedback(field)}
    if not fields <= FAMILIAR_NUMBERS or any(
        sli_kind_of(sli).columns(sli) for sli in policy.slis if not sli.on_feedback
    ):
        return None
    return FamiliarReads(policy)


class FamiliarReads:
    """Reads the messages of one partition. What is known from before only affects the speed."""

    def __init__(self, policy: Policy) -> None:
        self._dimensions, self._bytes_max = policy.dimensions, policy.dead_letters.message_bytes_max
        self._wait = self._waits = self._taken = 0
        self._forget()

    def _forget(self) -> None:
        self._met = MetBefore(self._dimensions)
        self._decoder: FamiliarDecoder | None = None

    def __call__(self, messages: Messages, decoder: ItemDecoder, reader: EventReader) -> ScannedReads:
        """Return what some messages hold."""
        looks = [decoder.decode(messages.part(at, at + 1)) for at in range(0, len(messages), LOOKED_AT)]
        columns = FamiliarColumns(reader)
        fits = int(lengths_of(messages.values).max(initial=0)) <= self._bytes_max
        found, origins = [], []
        rejects: list[Reject] = []
        for start, some in pieces_of(messages):
            read, origin = self._familiar(some, columns) if fits else None, _one_each(some, looks[0].origin)
            if read is None:
                piece = decoder.decode(some)
                self._learn(some, piece.items)
                read, origin = (reader.read(piece.items), times_of([event.ts for event in piece.items])), piece.origin
                rejects += piece.rejects
            found.append(read)
            origins.append((start, origin))
        return ScannedReads(
            read=joined_reads([read for read, _ in found]),
            times=np.concatenate([times for _, times in found]),
            origin=joined_origins(messages, origins),
            rejects=rejects,
            unread=[name for look in looks for name in look.unread],
        )

    def _familiar(self, messages: Messages, columns: FamiliarColumns) -> tuple[ReadEvents, Ints] | None:
        """Return what some messages hold, and their times; None where they are not like earlier ones."""
        if self._decoder is None or self._wait:
            self._wait = max(self._wait - 1, 0)
            return None
        events = self._decoder.decode(messages.values)
        found = None if events is None else columns.read(events, self._decoder.shape)
        if found is None:
            self._waits, self._taken = min(2 * self._waits + 1, WAIT_MAX), 0
            self._wait = self._waits
            return None
        self._taken += 1
        if self._taken == WAIT_MAX:
            self._waits = self._taken = 0
        return found

    def _learn(self, messages: Messages, events: Sequence[Event]) -> None:
        """Learn from a decoded piece before others are tried."""
        if self._wait > 1 or len(events) != len(messages):
            return
        if self._met.add(messages.values, events):
            if self._met.is_too_much:
                self._forget()
            elif self._met.is_enough:
                self._decoder = FamiliarDecoder(self._met.shape())


def _one_each(messages: Messages, like: Origin) -> Origin:
    """Return the origin of items, one in each message."""
    return Origin(messages=messages, message_of=range(len(messages)), texts=ItemTexts(split=like.texts.split))
