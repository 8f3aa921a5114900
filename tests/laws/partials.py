"""Random events as partials, and partials as plain values that can be compared whatever the order of rows."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.window.pane_items import ShardInput
from operators.window.partial import Partial, cell_rows, feature_rows, user_rows
from operators.window.sums import LIMB_BITS
from tests.dataflows.making import FOLLOWS_ALL, received
from tests.monitored import FILES, MONITORS

RULES = parse(FOLLOWS_ALL + MONITORS, FILES)
PANE_MS = RULES.pane_ms
ANCHOR_MS = 1_760_000_009_000  # The ninth second of a pane.
MODEL = "m"

numbers = st.one_of(st.sampled_from([0.0, -0.0, 1e-6, 1.0, 1e12]), st.floats(0, 1e6).map(lambda x: round(x, 6)))
values = st.none() | numbers | st.sampled_from(["visa", "amex", "1", ""]) | st.sampled_from([-1e308, 1e308, 2.5])
events = st.fixed_dictionaries(
    {
        "lag_ms": st.one_of(st.integers(0, 4_999), st.integers(9_000, 300_000)),  # On time in the pane, or late.
        "version": st.sampled_from(["v1", "v2"]),
        "region": st.sampled_from(["eu", "us"]),
        "error_type": st.sampled_from([None, None, "timeout", "client_cancelled", "500"]),
        "latency_ms": st.none() | numbers,
        "score": st.none() | numbers | numbers.map(lambda x: -x),
        "request_id": st.sampled_from(["a", "b", "c"]),
        "features": st.none() | st.fixed_dictionaries({}, optional={"amount": values, "card": values}),
        "prediction": values,
        "flags": st.sampled_from([None, [], ["refused"]]),
        "user_id": st.sampled_from([None, "a", "b"]),
        "embedding": st.sampled_from([None, [], [0.5, 2], [3, 1.5], [1], "x"]),
    }
)


def inputs_of(items: Sequence[dict[str, Any]], at_ms: int = ANCHOR_MS) -> list[ShardInput]:
    """What a partition of its own makes of one event at `at_ms` and `items` before it; the shards with events."""
    partition = Partition("p", "events", ("p",), RULES)
    messages = [message(at_ms)]
    for item in items:
        kept = {name: value for name, value in item.items() if name not in ("lag_ms", "region")}
        messages.append(message(at_ms - item["lag_ms"], slices={"region": item["region"]}, **kept))
    batch = partition.take(received(messages, 1))
    assert not batch.rejects
    return [given for _, given in batch.inputs if given.partials]


def partial_of(items: Sequence[dict[str, Any]], at_ms: int = ANCHOR_MS) -> Partial:
    (given,) = inputs_of(items, at_ms)
    ((_, partial),) = given.partials
    return partial


def message(ts: int, **fields: Any) -> bytes:
    known = {"request_id": "r", "ts": ts, "model": MODEL, "version": "v1"}
    return json.dumps(known | fields).encode()


def plain(partial: Partial) -> dict[Any, Any]:
    """Every row by (late, pane, series), with all that it counts; sums as one whole number each."""
    rows: dict[Any, Any] = {}
    names = []
    for row in range(partial.rows):
        series = partial.series[int(partial.which[row])]
        names.append((int(partial.late[row]), int(partial.pane[row]), series))
        sums = [(n, (hi << LIMB_BITS) + lo) for n, hi, lo in partial.sums[row].tolist()]
        watched = (_moments(partial, row), partial.ranges[row].tolist())
        rows[names[-1]] = (
            int(partial.events[row]), partial.slis[row].tolist(), sums, partial.extremes[row].tolist(), watched,
        )  # fmt: skip
    assert len(rows) == partial.rows, "two rows of one series"
    outcomes: dict[Any, int] = {}
    for row, code, n in partial.outcomes.tolist():
        key = (names[row], partial.error_types[code])
        assert key not in outcomes, "two outcomes of one name"
        outcomes[key] = n
    cells: dict[Any, int] = {}
    measures = partial.sums.shape[1]
    for pair, code, n in zip(*(column.tolist() for column in cell_rows(partial.cells)), strict=True):
        place = (names[pair // measures], pair % measures, code)
        assert place not in cells, "two cells of one code"
        cells[place] = n
    features: dict[Any, Any] = {}
    for row, bin_, n in zip(*(column.tolist() for column in feature_rows(partial)), strict=True):
        assert (names[row], bin_) not in features, "two counts of one bin"
        features[names[row], bin_] = n
    for row, bucket, n in zip(*(column.tolist() for column in user_rows(partial)), strict=True):
        assert (names[row], "user", bucket) not in features, "two counts of one bucket of users"
        features[names[row], "user", bucket] = n
    # With which slice an offender of two stays is left open.
    offenders = {
        (late, pane, series.model, series.version, offender): 1
        for row, offender in partial.offenders
        for late, pane, series in [names[row]]
    }
    assert len(offenders) == len(partial.offenders), "an offender twice"
    return {"rows": rows, "outcomes": outcomes, "cells": cells, "features": features, "offenders": offenders}


def _moments(partial: Partial, row: int) -> list[tuple[int, int, int]]:
    """Of each watched field n, and the sums as whole numbers."""
    limbs = partial.moments[row].tolist()
    return [(n, (hi << LIMB_BITS) + lo, (hi2 << LIMB_BITS) + lo2) for n, hi, lo, hi2, lo2 in limbs]
