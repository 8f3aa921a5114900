"""Windows over panes, and which of their rows are stored."""

import msgspec


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A union of panes: [k * every - size, k * every) for every whole k; tumbling when size == every."""

    size_ms: int
    every_ms: int

    @property
    def kind(self) -> str:
        return "tumbling" if self.size_ms == self.every_ms else "sliding"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a window are stored: those of `grains`, where the window's end is a multiple of `every_ms`."""

    grains: tuple[tuple[int, ...], ...]
    every_ms: int
