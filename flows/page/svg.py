"""Charts as SVG text, made here, so that pages work without scripts, print, and can be read aloud and compared.

Pure: numbers in, text out. Colours are classes of the style sheet, so one chart is both light and dark.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import pairwise

import msgspec

WIDTH, HEIGHT = 640, 190
WIDE = 1_240, 280  # Of a chart as wide as the page: its letters are as large as those of the others.
ROW, ROWS = 11, 3  # Above the lines stand the names of marks, in as many rows as they need.
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 22
TICKS_S = (1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)

Point = tuple[int, float]  # Unix ms, value.
Place = tuple[float, float]  # From the left and from above.


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line; `kind` is a class of the style sheet. `band` has (time, lower, upper).

    `dots` is what each point says, and how large it is.
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
    """`label` is the sentence that a reader who does not see it hears. `low`, `high` are in the chart at least.

    With `log` values are natural logarithms, and the axis says what they are logarithms of. `across` is what goes
    from left to right in thousandths, such as a score, where that is not time.
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


class _Scale:
    def __init__(self, chart: Chart) -> None:
        values = [value for line in chart.lines for _, value in line.points]
        values += [each for line in chart.lines for _, low, high in line.band for each in (low, high)]
        values += [level.value for level in chart.levels]
        values += [each for each in (chart.low, chart.high) if each is not None]
        low, high = min(values, default=0.0), max(values, default=1.0)
        pad = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        self.low = low if chart.low is not None and low >= chart.low else low - pad
        self.high = high if chart.high is not None and high <= chart.high else high + pad
        self.start, self.end = chart.start, max(chart.end, chart.start + 1)
        self.width, self.height = WIDE if chart.wide else (WIDTH, HEIGHT)
        within = [mark for mark in chart.marks if self.start <= mark.at <= self.end]
        self.marks = sorted(within, key=lambda mark: mark.at)
        self.rows = self._rows()
        self.top = TOP + ROW * (max(self.rows, default=-1) + 1)

    def _rows(self) -> list[int]:
        """Return the row of each mark's name: under that of one that it would touch."""
        rows: list[int] = []
        for place, mark in enumerate(self.marks):
            near = place > 0 and self.x(mark.at) - self.x(self.marks[place - 1].at) < 70
            rows.append((rows[-1] + 1) % ROWS if near else 0)
        return rows

    def x(self, at: int) -> float:
        share = (at - self.start) / (self.end - self.start)
        return LEFT + min(max(share, 0.0), 1.0) * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.height - BOTTOM - share * (self.height - self.top - BOTTOM)

    def places(self, points: Iterable[Point]) -> list[Place]:
        """Return `x` and `y` of many points: most of what a page costs beside the store."""
        start, span, wide = self.start, self.end - self.start, self.width - LEFT - RIGHT
        low, range_, tall, foot = self.low, self.high - self.low, self.height - self.top - BOTTOM, self.height - BOTTOM
        return [
            (LEFT + min(max((at - start) / span, 0.0), 1.0) * wide, foot - (value - low) / range_ * tall)
            for at, value in points
        ]


def svg(chart: Chart) -> str:
    """Return the chart as one SVG element, without a style of its own."""
    scale = _Scale(chart)
    parts = [
        f'<svg class="chart" viewBox="0 0 {scale.width} {scale.height}" role="img" tabindex="0"'
        f' aria-label="{escape(chart.label)}"'
        f' data-start="{chart.start}" data-end="{chart.end}" data-low="{scale.low:.6g}" data-high="{scale.high:.6g}"'
        f' data-across="{escape(chart.across)}" data-unit="{escape(chart.unit)}"'
        f' data-log="{int(chart.log)}" data-top="{scale.top}">',
        *_y_axis(chart, scale),
        *(_shares(scale) if chart.across else _x_axis(scale)),
        *(_band(line, scale) for line in chart.lines if line.band),
        *_levels(chart, scale),
        *_marks(scale),
        *(_line(line, scale) for line in chart.lines if line.points),
        *(dot for line in chart.lines if line.dots for dot in _dots(line, scale)),
        "</svg>",
    ]
    return "".join(parts)


def spark(lines: Sequence[Line], label: str, width: int = 120, height: int = 28) -> str:
    """Return lines without axes, small enough for a cell of a table; empty where there is nothing to draw."""
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    start, end = min(at for at, _ in points), max(at for at, _ in points)
    low, high = min(value for _, value in points), max(value for _, value in points)
    drawn = []
    for line in lines:
        path = " ".join(
            f"{1 + (at - start) / max(end - start, 1) * (width - 2):.1f},"
            f"{height - 2 - (value - low) / ((high - low) or 1) * (height - 4):.1f}"
            for at, value in line.points
        )
        drawn.append(f'<polyline class="line {escape(line.kind)}" points="{path}"/>' if line.points else "")
    return (
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def bounds_bar(value: float | None, lower: float, upper: float, scale: float, label: str) -> str:
    """Return an interval around zero on a scale of [-scale, scale]; an arrow head where it goes beyond."""
    width, middle = 120, 60

    def x(each: float) -> float:
        return middle + min(max(each / scale, -1.0), 1.0) * (middle - 4)

    kind = "worse" if lower > 0 else "better" if upper < 0 else "open"
    point = "" if value is None else f'<circle class="{kind}" cx="{x(value):.0f}" cy="8" r="3"/>'
    beyond = f'<path class="{kind}" d="M{width - 6} 4 l5 4 l-5 4"/>' if upper > scale else ""
    size = f'viewBox="0 0 {width} 16" width="{width}" height="16"'
    return (
        f'<svg class="bar" {size} role="img" aria-label="{escape(label)}">'
        f'<path class="zero" d="M{middle} 1v14"/><path class="{kind}" d="M{x(lower):.0f} 8H{x(upper):.0f}"/>'
        f"{point}{beyond}</svg>"
    )


def share_bar(shares: Sequence[tuple[str, float]], label: str, width: int = 160) -> str:
    """Return shares of one side by side, each with its class."""
    parts, left = [], 0.0
    for kind, share in shares:
        parts.append(
            f'<rect class="{escape(kind)}" x="{left * width:.1f}" y="0" width="{share * width:.1f}" height="10"/>'
        )
        left += share
    return (
        f'<svg class="share" viewBox="0 0 {width} 10" width="{width}" height="10" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _y_axis(chart: Chart, scale: _Scale) -> list[str]:
    ticks = _log_ticks(scale) if chart.log else _ticks(scale.low, scale.high)
    out = []
    for value, text in ticks:
        y = scale.y(value)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(text)}</text>')
    return out


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return three to six round values.

    >>> [text for _, text in _ticks(0.0, 1.0)]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    raw = (high - low) / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    values = [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]
    return [(value, _short(value)) for value in values]


def _log_ticks(scale: _Scale) -> list[tuple[float, str]]:
    low, high = math.ceil(scale.low / math.log(10)), math.floor(scale.high / math.log(10))
    step = max((high - low) // 5, 1)
    return [(power * math.log(10), _short(10.0**power)) for power in range(low, high + 1, step)]


def _short(value: float) -> str:
    if value == 0:
        return "0"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g} {unit}"
    return f"{value:.6g}"


def _x_axis(scale: _Scale) -> list[str]:
    seconds = (scale.end - scale.start) / 1000
    step = next((each for each in TICKS_S if seconds / each <= 7), TICKS_S[-1])
    first = -(-scale.start // (step * 1000)) * step * 1000
    form = "%m-%d" if step >= 86_400 else "%H:%M:%S" if step < 60 else "%H:%M"
    out = []
    for at in range(first, scale.end + 1, step * 1000):
        x = scale.x(at)
        anchor = "end" if x > scale.width - RIGHT - 12 else "middle"
        text = datetime.fromtimestamp(at / 1000, UTC).strftime(form)
        out.append(f'<text class="tick" x="{x:.1f}" y="{scale.height - 6}" text-anchor="{anchor}">{text}</text>')
    return out


def _shares(scale: _Scale) -> list[str]:
    """Return the axis of what is not time: thousandths, said as parts of one."""
    return [
        f'<text class="tick" x="{scale.x(at):.1f}" y="{scale.height - 6}" text-anchor="middle">{at / 1000:g}</text>'
        for at in range(0, 1_001, 200)
    ]


def _line(line: Line, scale: _Scale) -> str:
    places = scale.places(line.points)
    if line.is_step:
        places[1:] = [each for (_, last), (x, y) in pairwise(places) for each in ((x, last), (x, y))]
    path = [f"{x:.1f},{y:.1f}" for x, y in places]
    name, kind = escape(line.name), escape(line.kind)
    return (
        f'<polyline class="line {kind}" data-name="{name}" points="{" ".join(path)}"><title>{name}</title></polyline>'
    )


def _dots(line: Line, scale: _Scale) -> list[str]:
    return [
        f'<circle class="dot {escape(line.kind)}" cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="{radius:.1f}">'
        f"<title>{escape(text)}</title></circle>"
        for (at, value), (text, radius) in zip(line.points, line.dots, strict=True)
    ]


def _band(line: Line, scale: _Scale) -> str:
    above = scale.places((at, high) for at, _, high in line.band)
    below = scale.places((at, low) for at, low, _ in reversed(line.band))
    path = " ".join([f"{x:.0f},{y:.0f}" for x, y in above + below])
    return f'<polygon class="band {escape(line.kind)}" points="{path}"/>'


def _levels(chart: Chart, scale: _Scale) -> list[str]:
    out, above = [], -math.inf
    for level in sorted(chart.levels, key=lambda each: -each.value):
        y = scale.y(level.value)
        # The name stands above its line, or below it where it would be written over the one above.
        foot = y - 3 if y - above >= ROW + 3 else y + ROW - 1
        out.append(f'<line class="level" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="level" x="{LEFT + 4}" y="{foot:.1f}">{escape(level.name)}</text>')
        above = y
    return out


def _marks(scale: _Scale) -> list[str]:
    out = []
    for mark, row in zip(scale.marks, scale.rows, strict=True):
        x = scale.x(mark.at)
        anchor = "end" if x > scale.width - 90 else "start"
        shift = -3 if anchor == "end" else 3
        kind, name, top = escape(mark.kind), escape(mark.name), ROW * row
        out.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{scale.height - BOTTOM}"/>')
        place = f'x="{x + shift:.1f}" y="{top + ROW - 2}" text-anchor="{anchor}"'
        out.append(f'<text class="{kind}" {place}>{name}</text>')
    return out
