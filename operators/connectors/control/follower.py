"""What follows control events, wherever they come from; it needs no client library."""

from typing import Literal, Protocol

import msgspec

From = Literal["beginning", "end"]


class WrittenEvent(msgspec.Struct, frozen=True):
    """A control event as it was written, its signature not checked: the value of its message, `body`, as it is.

    Reading goes on after it at `next` in `source`. Beside it stand the `model`, which is the key, and the worker that
    wrote it; '' where nobody says.
    """

    source: str
    next: int
    body: bytes
    model: str = ""
    writer: str = ""


class Follower(Protocol):
    """`positions`, by source, are where reading goes on; `at_end` when everything that is there was read."""

    @property
    def at_end(self) -> bool: ...

    @property
    def positions(self) -> dict[str, int]: ...

    def read(self) -> list[WrittenEvent]:
        """Return what came, often nothing, without waiting long."""

    def close(self) -> None: ...
