"""The table of slices: which are shown, with what."""

import math
from collections import defaultdict
from collections.abc import Sequence

from flows.page.asked import Asked
from flows.page.store import Row, Store, moment
from flows.page.views.evidence import SHARE_MAX, cells_of

ROWS, ROWS_MIN = 40, 10
CELLS = 120  # Cells on the first page: with many columns it has fewer rows, so that it stays small.
PAGE = 100


def asked_cells(store: Store, asked: Asked) -> list[Row]:
    """Return the comparisons in the slices shown, and in the worst ones."""
    ask = {"model": asked.model, "version": asked.version, "at": moment(asked.at)}
    first, count = shown(asked.page)
    places = {
        row["slice"]: row for row in store.ask("slices_compared", **ask, first=first, count=count, find=asked.find)
    }
    if not places:
        return []
    began = moment(next(iter(places.values()))["began"])
    rows = store.ask("evidence_now", **ask, slices=list(places), began=began)
    return [cell | {"version_of": asked.version} for cell in cells_of([row | places[row["slice"]] for row in rows])]


def shown(page: int) -> tuple[int, int]:
    """Return the offset and the number of a page's slices.

    >>> shown(0), shown(2)
    ((0, 40), (100, 100))
    """
    return ((page - 1) * PAGE, PAGE) if page else (0, ROWS)


def table(cells: Sequence[Row], page: int, find: str = "") -> Row:
    """Return the slices, worst first and all traffic on top: 40 rows at most, a page of a hundred, or what is found."""
    every = list(dict.fromkeys(cell["key"] for cell in sorted(cells, key=_column)))
    compared = {cell["key"] for cell in cells if cell["n"]}
    columns = [key for key in every if key in compared or not compared]
    start, size = shown(page)
    if not page:
        size = max(min(size, CELLS // max(len(columns), 1)), ROWS_MIN)
    by_slice: dict[str, dict[tuple[str, str, str], Row]] = defaultdict(dict)
    for cell in sorted(cells, key=lambda cell: cell["place"]):
        if find.lower() in cell["slice"].lower() if find else start < cell["place"] <= start + size:
            by_slice[cell["slice"]][cell["key"]] = cell
    slices = cells[0]["slices"] if cells else 0
    several = len({rule for rule, _, _ in columns}) > 1
    return {
        "columns": [
            {"key": list(key), "name": (f"{key[0]}: " if several else "") + (key[1] or key[2])} for key in columns
        ],
        "empty": [key[1] or key[2] for key in every if key not in columns],
        "rows": [{"slice": text, "cells": [mine.get(key) for key in columns]} for text, mine in by_slice.items()],
        "slices": slices,
        "scale": _scale(cells),
        "first": start,
        "pages": math.ceil(slices / PAGE) if slices > size or page else 0,
    }


def _column(cell: Row) -> tuple[bool, int, float, str]:
    return not cell["n"], -int(cell["verdict"] == "BAD"), -cell["log_e_peak"], cell["name"]


def _scale(cells: Sequence[Row]) -> float:
    """Return where bars end: beyond nearly all bounds, and beyond all those of surely worse slices."""
    ends: list[tuple[float, bool]] = [
        (abs(end), cell["verdict"] == "BAD")
        for cell in cells
        if cell["n"]
        for end in (cell["lower"], cell["upper"])
        if end is not None
    ]
    usual = sorted(end for end, _ in ends)[int(len(ends) * 0.9)] if ends else 0.1
    return min(max([usual, 0.01, *(end for end, is_bad in ends if is_bad)]), SHARE_MAX)
