"""Raw messages to typed items: the valid ones, and a reject with a reason for each of the others.

A message is one JSON object, a JSON array of objects, or newline-delimited objects. A good item beside a bad
one survives, and so does an item with a fault in an optional field; a blank message holds no item. Cost: one C call
per message of one object; Python sees single items only where one is bad.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from operators.ingest import wrong_topic
from operators.ingest.formats.format import Decoded, InputFormat, Stream
from operators.ingest.formats.origin import ItemTexts, Origin, Reject
from operators.ingest.formats.whole_characters import whole_characters
from operators.ingest.headroom import with_headroom
from operators.ingest.lines import lengths_of, objects_of
from operators.ingest.messages import Messages
from operators.ingest.unread import BYTES_MAX, unread_fields
from operators.ingest.usable import UNDECODABLE, Usable
from operators.policy.policy import Policy
from operators.texts import DETAIL_MAX, cut
from operators.wire.commands import AnyCommand
from operators.wire.events import Event, Feedback, Request

Item = TypeVar("Item")
QUOTED = re.compile(r"^(Invalid (?:enum )?value) .*?( - at `[^`]*`)?$", re.DOTALL)  # How msgspec quotes a text.


# Refused items of one message. The rest of it is refused as one: a megabyte of "1,1,1" would otherwise be half a
# million dead letters, and seconds of work.
FAULTS_MAX = 1_000


def split(message: bytes) -> list[bytes]:
    """Return the JSON texts of a message's items. One of `UNDECODABLE` if it is a broken array."""
    message = whole_characters(message)
    if message[:1] == b"{" and b"\n" not in message and b"\r" not in message:
        return [message]
    if message.lstrip()[:1] == b"[":
        return [bytes(item) for item in msgspec.json.decode(message, type=list[msgspec.Raw])]
    lines = [line for line in message.splitlines() if line.strip()]
    if len(lines) > 1 and not _is_json(lines[0]) and (_is_json(message) or not any(map(_is_json, lines))):
        return [message]  # One object over several lines.
    return lines


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except UNDECODABLE:
        return False
    return True


class Decoder(Generic[Item]):
    """Decodes messages of one kind of item. Keeps nothing between calls."""

    def __init__(self, kind: type[Item], message_bytes_max: int) -> None:
        self.message_bytes_max = message_bytes_max
        decoder = msgspec.json.Decoder(kind)
        self._one, self._of_lines = decoder.decode, decoder.decode_lines
        # Other kinds keep parts of their texts, and with these the whole message.
        self._lets_go = kind in (Event, Feedback)
        self._many = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
        self._usable = Usable(kind)
        self._of_feedback = kind is Feedback

    def decode(self, messages: Messages) -> tuple[list[Item], Origin, list[Reject]]:
        """Return the valid items in order, where they came from, and the rejects."""
        try:
            if lengths_of(messages.values).max(initial=0) <= self.message_bytes_max:
                return self._together(messages) or self._fast(messages)
        except UNDECODABLE:
            pass  # One of them is bad: decode one by one, to say which and why.
        return self._careful(messages)

    def _together(self, messages: Messages) -> tuple[list[Item], Origin, list[Reject]] | None:
        """Decode lines together, as one text; None where they may not hold one object each."""
        texts = objects_of(messages.values) if self._lets_go else ()
        items = [item for text in texts for item in self._of_lines(text)]
        if not items or len(items) != len(messages):
            return None
        return items, Origin(messages=messages, message_of=range(len(items)), texts=ItemTexts(split=split)), []

    def _fast(self, messages: Messages) -> tuple[list[Item], Origin, list[Reject]]:
        values = list(messages.values)  # For files this cuts the lines out of their blocks, so it is done once.
        if values and values[0][:1] == b"[":
            lists = [self._many(message) for message in values]
            origin = Origin(
                messages=messages,
                message_of=[index for index, items in enumerate(lists) for _ in items],
                item_of=[item for items in lists for item in range(len(items))],
                texts=ItemTexts(split=split),
            )
            return [item for items in lists for item in items], origin, []
        items = list(map(self._one, values))
        return items, Origin(messages=messages, message_of=range(len(messages)), texts=ItemTexts(split=split)), []

    def _careful(self, messages: Messages) -> tuple[list[Item], Origin, list[Reject]]:
        items: list[Item] = []
        message_of: list[int] = []
        item_of: list[int] = []
        rejects: list[Reject] = []
        unusable: Counter[str] = Counter()
        for index, message in enumerate(messages.values):
            for number, (text, item, reason) in enumerate(self._items(message, unusable)):
                if item is not None:
                    items.append(item)
                    message_of.append(index)
                    item_of.append(number)
                else:
                    code, detail = reason
                    position = messages.positions[index]
                    rejects.append(Reject(position=position, item=number, reason=code, detail=detail, value=text))
        origin = Origin(
            messages=messages, message_of=message_of, item_of=item_of, texts=ItemTexts(split=split), unusable=unusable
        )
        return items, origin, rejects

    def _items(self, message: bytes, unusable: Counter[str]) -> list[tuple[bytes, Item | None, tuple[str, str]]]:
        """Return (text, item or None, (reason, detail)) of every item of one message; count what is left out."""
        if len(message) > self.message_bytes_max:
            detail = f"{len(message)} bytes, allowed are {self.message_bytes_max}"
            return [(message, None, ("too_large", detail))]
        try:
            texts = split(message)
        except UNDECODABLE as error:
            return [(message, None, reason_of(error))]
        out: list[tuple[bytes, Item | None, tuple[str, str]]] = []
        faults = 0
        for number, text in enumerate(texts):
            try:
                out.append((text, self.item(text, unusable), ("", "")))
            except UNDECODABLE as error:
                out.append((text, None, self.reason(text, error)))
                faults += 1
            if faults == FAULTS_MAX and number + 1 < len(texts):
                rest = texts[number + 1 :]
                detail = f"{len(rest)} items after {FAULTS_MAX} that were refused were not looked at"
                return [*out, (b",".join(rest), None, ("too_many_faults", detail))]
        return out

    def item(self, text: bytes, unusable: Counter[str]) -> Item:
        """Return the item of a text; count what is left out of it. One of `UNDECODABLE` where it is refused."""
        try:
            return self._one(text)
        except UNDECODABLE:
            item, fields = self._usable.decode(text)
        unusable.update(fields)
        return item

    def again(self, text: bytes) -> Item:
        """Return the item of a text that was valid."""
        return self.item(text, Counter())

    def reason(self, text: bytes, error: Exception) -> tuple[str, str]:
        """Return why a text is refused, as (reason, detail)."""
        if self._of_feedback and "required field `kind`" in str(error) and wrong_topic.is_event(text):
            return wrong_topic.REASON, "an event in a topic of feedback"
        return reason_of(error)


def reason_of(error: Exception) -> tuple[str, str]:
    """Return the reason, one word of a short list, and the decoder's own text, without the value if it quotes one.

    >>> reason_of(msgspec.ValidationError("Expected `float` >= 0 - at `$.latency_ms`"))
    ('out_of_range', 'Expected `float` >= 0 - at `$.latency_ms`')
    >>> reason_of(msgspec.ValidationError("Invalid enum value 'Ann Lee' - at `$.kind`"))
    ('wrong_type', 'Invalid enum value - at `$.kind`')
    """
    text = cut(QUOTED.sub(r"\1\2", str(error)), DETAIL_MAX)
    if isinstance(error, UnicodeDecodeError) or "utf-8" in text.lower():
        return "bad_utf8", text
    if "out of range" in text:  # A number such as 1e999: JSON knows no infinity.
        return "out_of_range", text
    if not isinstance(error, msgspec.ValidationError):
        return "bad_json", text
    return _invalid(text)


def _invalid(text: str) -> tuple[str, str]:
    if "missing required field" in text:
        return "missing_field", text
    bound = "` <" in text or "` >" in text  # As in "Expected `float` >= 0".
    if bound and "`$.ts`" in text:
        return "absurd_timestamp", f"{text}; is it in milliseconds since 1970?"
    return ("out_of_range" if bound or "length" in text else "wrong_type"), text


class _OneKind:
    """Decodes an input that holds items of one wire type, as JSON."""

    def __init__(self, kind: Any, policy: Policy) -> None:
        self._kind = kind
        self._decoder: Decoder[Any] = Decoder(kind, policy.dead_letters.message_bytes_max)
        self.again: Callable[[bytes], Any] | None = self._decoder.again

    def decode(self, messages: Messages) -> Decoded:
        items, origin, rejects = with_headroom(lambda: self._decoder.decode(messages))
        return Decoded(items=items, origin=origin, rejects=rejects, unread=self._unread(messages))

    def _unread(self, messages: Messages) -> Sequence[str]:
        first = messages.values[0] if messages.values else b""
        if self._kind not in (Event, Feedback) or not 0 < len(first) <= BYTES_MAX:
            return ()
        try:
            return unread_fields(next(iter(split(first)), b""), self._kind)
        except UNDECODABLE:
            return ()  # The message is refused, and that is reported.


ITEMS: Mapping[Stream, Any] = {"events": Event, "feedback": Feedback, "commands": AnyCommand}
FORMAT = InputFormat(
    name="native",
    decoder=lambda stream, policy: _OneKind(ITEMS[stream], policy),
    requests=lambda policy: _OneKind(Request, policy),
)
