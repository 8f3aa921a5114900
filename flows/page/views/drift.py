"""How the inputs and outputs of a model drift: by field and time, by slice, and how one field is distributed."""

from collections import defaultdict
from collections.abc import Sequence

from flows.page.asked import Asked
from flows.page.store import Row, Store
from flows.page.views.changed import distribution
from flows.page.views.model import base_of
from operators.spans import DAY_MS

SINCE_MS = DAY_MS
FIELDS, COLUMNS, LINES = 40, 24, 60  # At most in the map; a line is a field of one version.
WINDOWS, SERIES = 12, 60  # In the table of other monitors: the newest columns, the worst lines.
PARTS = (0.25, 0.5, 1.0)  # Shares of the limit at which the next shade begins.


def drift(store: Store, asked: Asked) -> Row:
    """Return what the page of drift shows, the worst first. Unknown, WrongAddress."""
    base = base_of(store, asked, SINCE_MS)
    ask = {"model": asked.model, "slice": asked.slice, **base["range"]}
    shown = drift_map(store.ask("drift_map", columns=COLUMNS, count=FIELDS, **ask))
    return base | {
        "slice": asked.slice,
        "map": shown,
        "slices": store.ask("drift_slices", model=asked.model, **base["range"]),
        "others": others(store.ask("drift", **ask)),
        "distribution": distribution(store, asked, base["range"], shown["lines"]),
    }


def drift_map(rows: Sequence[Row]) -> Row:
    """Return a line for each field and version, with a cell for each step of time, None where nothing was checked."""
    if not rows:
        return {"lines": [], "ends": [], "more": 0, "step_s": 0}
    step_ms = 1_000 * rows[0]["step_s"]
    times = [row["at"] for row in rows]
    ends = list(range(min(times), max(times) + 1, step_ms))[-COLUMNS:]
    found: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)
    for row in rows:
        found[row["field"], row["version"]][row["at"]] = row | {"shade": shade(row)}
    lines = [
        {"field": field, "version": version, "cells": [cells.get(end) for end in ends]}
        for (field, version), cells in list(found.items())[:LINES]
    ]
    shown = len({line["field"] for line in lines})
    return {"lines": lines, "ends": ends, "more": rows[0]["fields"] - shown, "step_s": rows[0]["step_s"]}


def shade(cell: Row) -> int:
    """Return how dark a cell is: 4 is drift, 3 is beyond the single limit, below that are parts of the limit.

    >>> [shade({"is_bad": 0, "score": score, "threshold": 0.2}) for score in (0.01, 0.06, 0.15, 0.2, None)]
    [0, 1, 2, 3, 0]
    >>> shade({"is_bad": 1, "score": 0.3, "threshold": 0.2})
    4
    """
    if cell["is_bad"]:
        return len(PARTS) + 1
    far = (cell["score"] or 0.0) / (cell["threshold"] or 1.0)
    return sum(far >= part for part in PARTS)


def others(rows: Sequence[Row]) -> Row:
    """Return the results of other monitors in their newest windows, the furthest beyond its limit first."""
    ends = sorted({row["at"] for row in rows})[-WINDOWS:]
    found: dict[tuple[str, str, str], dict[int, Row]] = defaultdict(dict)
    for row in rows:
        if row["at"] in ends:
            found[row["field"], row["method"], row["version"]][row["at"]] = row
    order = sorted(found, key=lambda key: (-_beyond(found[key]), key))
    lines = [
        {"field": field, "method": method, "version": version, "cells": [found[key].get(end) for end in ends]}
        for key in order[:SERIES]
        for field, method, version in [key]
    ]
    return {"ends": ends, "lines": lines, "more": max(len(order) - SERIES, 0)}


def _beyond(cells: dict[int, Row]) -> float:
    ratios = [
        abs((cell["score"] or 0.0) / cell["threshold"]) if cell["threshold"] else float(cell["is_bad"])
        for cell in cells.values()
    ]
    return max(ratios, default=0.0)
