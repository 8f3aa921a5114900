"""Charts as SVG text, made here, so that pages work without scripts, print, and can be read aloud and compared.

Pure: numbers in, text out. Colours are classes of the style sheet, so one chart is both light and dark.
"""

import math
from html import escape
from itertools import pairwise

from flows.page.axes import share_axis, x_axis, y_axis
from flows.page.chart import Chart, Line
from flows.page.chart_scale import BOTTOM, LEFT, RIGHT, ROW, ChartScale


def svg(chart: Chart) -> str:
    """Return the chart as one SVG element, without a style of its own."""
    scale = ChartScale(chart)
    parts = [
        f'<svg class="chart" viewBox="0 0 {scale.width} {scale.height}" role="img" tabindex="0"'
        f' aria-label="{escape(chart.label)}"'
        f' data-start="{chart.start}" data-end="{chart.end}" data-low="{scale.low:.6g}" data-high="{scale.high:.6g}"'
        f' data-across="{escape(chart.across)}" data-unit="{escape(chart.unit)}"'
        f' data-log="{int(chart.log)}" data-top="{scale.top}">',
        *y_axis(chart, scale),
        *(share_axis(scale) if chart.across else x_axis(scale)),
        *(_band(line, scale) for line in chart.lines if line.band),
        *_levels(chart, scale),
        *_marks(scale),
        *(_line(line, scale) for line in chart.lines if line.points),
        *(dot for line in chart.lines if line.dots for dot in _dots(line, scale)),
        "</svg>",
    ]
    return "".join(parts)


def _line(line: Line, scale: ChartScale) -> str:
    places = scale.places(line.points)
    if line.is_step:
        places[1:] = [each for (_, last), (x, y) in pairwise(places) for each in ((x, last), (x, y))]
    path = [f"{x:.1f},{y:.1f}" for x, y in places]
    name, kind = escape(line.name), escape(line.kind)
    return (
        f'<polyline class="line {kind}" data-name="{name}" points="{" ".join(path)}"><title>{name}</title></polyline>'
    )


def _dots(line: Line, scale: ChartScale) -> list[str]:
    return [
        f'<circle class="dot {escape(line.kind)}" cx="{scale.x(at):.1f}" cy="{scale.y(value):.1f}" r="{radius:.1f}">'
        f"<title>{escape(text)}</title></circle>"
        for (at, value), (text, radius) in zip(line.points, line.dots, strict=True)
    ]


def _band(line: Line, scale: ChartScale) -> str:
    above = scale.places((at, high) for at, _, high in line.band)
    below = scale.places((at, low) for at, low, _ in reversed(line.band))
    path = " ".join([f"{x:.0f},{y:.0f}" for x, y in above + below])
    return f'<polygon class="band {escape(line.kind)}" points="{path}"/>'


def _levels(chart: Chart, scale: ChartScale) -> list[str]:
    out, above = [], -math.inf
    for level in sorted(chart.levels, key=lambda each: -each.value):
        y = scale.y(level.value)
        # The name stands above its line, or below it where it would overlap the one above.
        foot = y - 3 if y - above >= ROW + 3 else y + ROW - 1
        out.append(f'<line class="level" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="level" x="{LEFT + 4}" y="{foot:.1f}">{escape(level.name)}</text>')
        above = y
    return out


def _marks(scale: ChartScale) -> list[str]:
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
