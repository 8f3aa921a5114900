"""Where the points of a chart lie in its picture."""

from collections.abc import Iterable

from flows.page.chart import Chart, Point

WIDTH, HEIGHT = 640, 190
WIDE = 1_240, 280  # Size of a chart as wide as the page: its letters are as large as in other charts.
ROW, ROWS = 11, 3  # The names of marks stand above the lines, in as many rows as they need.
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 22

Place = tuple[float, float]  # From the left and from above.


class ChartScale:
    """The size of a picture, the values and times at its edges, and its marks, in order, each in a row of names."""

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
        """Return the row of each mark's name: below a name that it would touch."""
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
        """Return `x` and `y` of many points: most of a page's cost besides the store."""
        start, span, wide = self.start, self.end - self.start, self.width - LEFT - RIGHT
        low, range_, tall, foot = self.low, self.high - self.low, self.height - self.top - BOTTOM, self.height - BOTTOM
        return [
            (LEFT + min(max((at - start) / span, 0.0), 1.0) * wide, foot - (value - low) / range_ * tall)
            for at, value in points
        ]
