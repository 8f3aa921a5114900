"""What an input format brings: how messages become items, of one stream or of several.

A format is one file beside this one, and one line in `registry.py`. An item is one of the wire types, whatever a
message looks like: a format maps its own names to theirs.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import msgspec

from operators.ingest.event_reader import EventReader
from operators.ingest.formats.origin import Origin, Reject
from operators.ingest.messages import Messages
from operators.ingest.read_events import ScannedReads
from operators.policy.policy import Policy

Stream = Literal["events", "feedback", "commands"]


class Decoded(msgspec.Struct, frozen=True, kw_only=True):
    """The valid items of some messages in the order of the log, where they came from, and what is refused.

    `streams` has the stream of each item; () where all are of the stream that the input is named for. `unread` are the
    fields of one message that are not read.
    """

    items: Sequence[Any]
    origin: Origin
    rejects: Sequence[Reject]
    streams: Sequence[Stream] = ()
    unread: Sequence[str] = ()


class ItemDecoder(Protocol):
    """Decodes the messages of one input; it keeps nothing from one call to the next.

    Where `again` is given, all items are of the stream that the input is named for: it decodes the text of one of them
    (`Origin.text`) another time. None: that is not possible.
    """

    @property
    def again(self) -> Callable[[bytes], Any] | None: ...

    def decode(self, messages: Messages) -> Decoded: ...


# Reads messages of events as columns, without an object per event; None where they have to be decoded.
EventScan = Callable[[Messages, ItemDecoder, EventReader], ScannedReads | None]


class InputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """A format: `decoder` makes the decoder of an input that is named for a stream, by the policy.

    `carries` are the streams that such an input may hold. `requests` makes a decoder of only events, as `Request`s with
    all that was sent about them, for the request log; None where the format has none. A file of a `binary` format may
    hold messages that begin with their length. `scan` makes the reader of its events as columns, where there is one.
    """

    name: str
    decoder: Callable[[Stream, Policy], ItemDecoder]
    carries: Callable[[Stream], tuple[Stream, ...]] = lambda stream: (stream,)
    requests: Callable[[Policy], ItemDecoder] | None = None
    binary: bool = False
    scan: Callable[[], EventScan] | None = None
