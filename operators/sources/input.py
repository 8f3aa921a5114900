"""An input of a source: how its log is opened, and the callbacks for what is read."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from operators.connectors.reader import Reader, expecting
from operators.ingest.answers import KnownRequests
from operators.ingest.credentials import Credentials
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Batch
from operators.pseudonyms import Pseudonyms


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """An input: its name, what it carries, and how to open it, from its start (None) or at a position.

    After `idle_s` of silence at its end it is not waited for; None for an input that ends. `credentials` are what
    commands must be signed with, `pseudonyms` replace what must not be kept. `log_id` tells a log from another of the
    same name, '' where it is unknown. Feedback without context is looked up in `requests`, if given. `form` names its
    format (`operators/ingest/formats/registry.py`), which may carry other streams besides `stream`.
    """

    name: str
    stream: Stream
    open: Callable[[int | None], Reader]
    idle_s: float | None = None
    credentials: Credentials = Credentials()
    pseudonyms: Pseudonyms = Pseudonyms()
    log_id: str = ""
    requests: KnownRequests | None = None
    form: str = "native"


class OpenedPlace(Protocol):
    """The place where a partition continues after a restart."""

    @property
    def position(self) -> int: ...

    @property
    def leader_epoch(self) -> int | None: ...


def opened(each: Input, place: OpenedPlace | None) -> Reader:
    """Open an input at a place, or at its start if there is none."""
    return each.open(None) if place is None else expecting(each.open(place.position), place.leader_epoch)


Observe = Callable[[str, Batch], None]  # Called with the input's name and each batch taken.
EpochEnded = Callable[[str, float], None]  # Called with the input's name and the seconds its epoch lasted.


class InputWatch(msgspec.Struct, frozen=True, kw_only=True):
    """Callbacks for what a source does; `opened` gets the reader of an input once it exists.

    `begun`: the engine is about to run, and all processes of the cluster are up.
    """

    begun: Callable[[], None] = lambda: None
    batch: Observe = lambda name, batch: None
    epoch_ended: EpochEnded = lambda name, seconds: None
    idle: Callable[[str], None] = lambda name: None
    opened: Callable[[str, Reader], None] = lambda name, reader: None
    stepped_back: Callable[[float], None] = lambda seconds: None  # The wall clock.
    forgot: Callable[[str, str], None] = lambda name, why: None
