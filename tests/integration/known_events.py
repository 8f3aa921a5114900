"""Six thousand events of three hours, the same in every run, and the rows that rollguard would write for them.

The panes are counted here in the plainest way, so that they are no proof of the window code but a basis for the SQL.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import numpy as np

from operators.store.rows import Ragged, Rows

GAMMA = 1.02
PANE_MS = 10_000
DAY = datetime(2026, 3, 2, tzinfo=UTC)
START_MS = int(DAY.timestamp() * 1000)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    ts: int
    late: bool
    version: str
    dims: dict[str, str]
    error_type: str
    measures: dict[str, Decimal]

    @property
    def good(self) -> bool | None:
        """As an SLI of availability would judge: a request that the client broke off is neither."""
        return None if self.error_type == "client_cancelled" else self.error_type == ""

    def slice(self, by: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.dims[name] for name in by)


def _event(rand: Random) -> Event:
    version = rand.choice(["v1", "v1", "v2"])
    measures = {
        "latency_ms": rand.lognormvariate(6 if version == "v1" else 6.4, 0.7),
        "input_tokens": rand.randrange(0, 900),
        "output_tokens": rand.randrange(1, 400),
    }
    if rand.random() < 0.8:
        measures["cost_usd"] = rand.random() / 100
    if rand.random() < 0.5:
        measures["ttft_ms"] = rand.lognormvariate(4, 0.5)
    return Event(
        ts=START_MS + rand.randrange(3 * 3_600_000),
        late=rand.random() < 0.05,
        version=version,
        dims={"region": rand.choice(["eu", "us"]), "team": rand.choice("abc"), "endpoint": rand.choice("xy")},
        error_type=rand.choices(["", "timeout", "500", "client_cancelled"], [90, 6, 2, 2])[0],
        measures={name: Decimal(f"{value:.9f}") for name, value in measures.items()},
    )


EVENTS = [_event(rand) for rand in [Random(11)] for _ in range(6000)]


def panes(table: str, cells: dict[Any, dict[str, Any]]) -> Rows:
    """`cells`: (event of the cell's series, pane, lateness) -> the columns of the table that are not of the series."""
    series: dict[str, list[Any]] = defaultdict(list)
    for (version, dims, pane, late, *_), cell in cells.items():
        columns = {"model": "m", "version": version, "dims": dict(dims), "pane_ms": PANE_MS, "late": int(late)}
        columns["slice"] = ",".join(f"{name}={value}" for name, value in dims)
        columns |= {"pane_start": pane * PANE_MS, "arrival": (pane + 30 * late) * PANE_MS}
        for name, value in (columns | cell).items():
            series[name].append(value)
    for name in {"buckets", "counts"} & series.keys():
        offsets = np.cumsum([0] + [len(row) for row in series[name]])
        series[name] = Ragged(flat=np.array([x for row in series[name] for x in row]), offsets=offsets)  # type: ignore[assignment]
    return Rows(table=table, columns=series)


def _cell(event: Event, *more: str) -> tuple[Any, ...]:
    return (event.version, tuple(event.dims.items()), event.ts // PANE_MS, event.late, *more)


def sli_panes() -> Rows:
    cells: dict[Any, dict[str, Any]] = {}
    for event in EVENTS:
        cell = cells.setdefault(_cell(event), {"sli": "availability", "good": 0, "bad": 0, "neither": 0, "ver": 0})
        cell[{True: "good", False: "bad", None: "neither"}[event.good]] += 1
        cell["ver"] += 1
    return panes("sli_pane", cells)


def outcome_panes() -> Rows:
    counts = Counter(_cell(event, event.error_type) for event in EVENTS)
    cells = {cell: {"error_type": cell[-1], "n": n, "ver": n} for cell, n in counts.items()}
    return panes("outcome_pane", cells)


def measure_panes() -> Rows:
    values: dict[Any, list[Decimal]] = defaultdict(list)
    for event in EVENTS:
        for name, value in event.measures.items():
            values[_cell(event, name)].append(value)
    return panes("measure_pane", {cell: _histogram(cell[-1], given) for cell, given in values.items()})


def _histogram(measure: str, values: list[Decimal]) -> dict[str, Any]:
    codes = Counter(math.ceil(math.log(value) / math.log(GAMMA)) if value else -2000 for value in values)
    return {
        "measure": measure,
        "n": len(values),
        "sum": int(sum(values, Decimal(0)).scaleb(9)),
        "min": float(min(values)),
        "max": float(max(values)),
        "gamma": GAMMA,
        "buckets": sorted(codes),
        "counts": [codes[code] for code in sorted(codes)],
        "ver": len(values),
    }


def feedback() -> Rows:
    """Half of the requests are labelled, every tenth of these twice, and a few labels know no request time.

    Every fifth label comes with one by another criterion, of the same source at the same time.
    """
    columns: dict[str, list[Any]] = defaultdict(list)
    for event, request_id, when, value, known, name in [*FEEDBACK, *TONE]:
        row: dict[str, Any] = {"model": "m", "version": event.version, "slice": "*", "dims": {}}
        row |= {"request_id": request_id, "name": name, "unit": "", "sample": "", "standing": "", "reason": ""}
        row |= {"ts": when, "kind": "label", "source": "human", "value": value, "value_number": float(value)}
        row |= {"request_ts": event.ts if known else None, "prediction": "0", "score": 0.5, "ver": 1}
        for column, content in row.items():
            columns[column].append(content)
    return Rows(table="feedback", columns=columns)


FEEDBACK = [
    (event, f"request-{i}", event.ts + 3_600_000 + again, str((i // 10 + again) % 2), i % 9 != 0, "")
    for i, event in enumerate(EVENTS)
    if i % 2
    for again in range(2 if i % 5 == 0 else 1)
]
TONE = [
    (event, id_, when, str(len(event.error_type) % 2), known, "tone") for event, id_, when, _, known, _ in FEEDBACK[::5]
]
