"""A follower of control events from any source; it needs no client library."""

from typing import Literal, Protocol

import msgspec

From = Literal["beginning", "end"]


class WrittenEvent(msgspec.Struct, frozen=True):
    """A control event as written, its signature unchecked: `body` is the raw value of its message.

    Reading goes on after it at `next` in `source`. With it come the `model`, which is the key, and the worker that
    wrote it; '' where unknown.
    """

    source: str
    next: int
    body: bytes
    model: str = ""
    writer: str = ""


class Follower(Protocol):
    """`positions`, by source, are where reading goes on; `at_end`: everything there is was read."""

    @property
    def at_end(self) -> bool: ...

    @property
    def positions(self) -> dict[str, int]: ...

    def read(self) -> list[WrittenEvent]:
        """Return new events, often none, without waiting long."""

    def close(self) -> None: ...
