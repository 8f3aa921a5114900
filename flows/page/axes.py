"""The axes of a chart as SVG: lines and numbers at round values, times and shares."""

import math
from datetime import UTC, datetime
from html import escape

from flows.page.chart import Chart
from flows.page.chart_scale import LEFT, RIGHT, ChartScale

TICKS_S = (1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


def y_axis(chart: Chart, scale: ChartScale) -> list[str]:
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


def _log_ticks(scale: ChartScale) -> list[tuple[float, str]]:
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


def x_axis(scale: ChartScale) -> list[str]:
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


def share_axis(scale: ChartScale) -> list[str]:
    """Return the axis of a chart not over time: thousandths, shown as parts of one."""
    return [
        f'<text class="tick" x="{scale.x(at):.1f}" y="{scale.height - 6}" text-anchor="middle">{at / 1000:g}</text>'
        for at in range(0, 1_001, 200)
    ]
