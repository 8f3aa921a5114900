"""Word-sized pictures as SVG text, for the cells of tables: lines, intervals, shares."""

from collections.abc import Sequence
from html import escape

from flows.page.chart import Line


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
    """Return shares that add up to one side by side, each with its class."""
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
