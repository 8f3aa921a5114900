"""What a chart of the page shows: its lines, marks and levels. `svg.py` draws it."""

from collections.abc import Sequence

import msgspec

Point = tuple[int, float]  # Unix ms, value.


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `kind` is a class of the style sheet. `band` has (time, lower, upper).

    `dots` has the text and the size of each point.
    """

    name: str
    kind: str
    points: Sequence[Point]
    band: Sequence[tuple[int, float, float]] = ()
    is_step: bool = False
    dots: Sequence[tuple[str, float]] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened at a time."""

    at: int
    name: str
    kind: str = "mark"


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A value that decides."""

    value: float
    name: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """`label` is the sentence for screen readers. `low` and `high` are always within the chart.

    With `log`, values are natural logarithms, and the axis shows the numbers themselves. `across` names what goes from
    left to right in thousandths, such as a score, where that is not time.
    """

    name: str
    title: str
    note: str
    label: str
    start: int
    end: int
    lines: Sequence[Line]
    marks: Sequence[Mark] = ()
    levels: Sequence[Level] = ()
    unit: str = ""
    wide: bool = False
    low: float | None = None
    high: float | None = None
    log: bool = False
    across: str = ""

    @property
    def empty(self) -> bool:
        return not any(line.points for line in self.lines)
