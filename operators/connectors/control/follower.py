"""What follows control events, wherever they come from; it needs no client library."""

from typing import Literal, Protocol

import msgspec

From = Literal["beginning", "end"]


class Said(msgspec.Struct, frozen=True):
    """A message's value as it is, and where in `source` reading goes on after it.

    Beside it stand the `model`, which is the key, and the worker that wrote it; '' where nobody says.
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

    def read(self) -> list[Said]:
        """Return what came, often nothing, without waiting long."""

    def close(self) -> None: ...
