"""Tables that Arrow can write and Python cannot read: each costs a row, a field or its message, never the worker."""

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from msgspec.structs import replace

from operators.ingest.formats.registry import FORMATS
from tests.dataflows.making import START_MS, received
from tests.unit.test_arrow_format import RULES, message, taken
from tests.unit.test_pieces import text

ROWS = 3
FAR = 1 << 62
FAR_TIMES = [START_MS, START_MS, FAR]


def events(**columns: Any) -> bytes:
    some = {"request_id": ["a", "b", "c"], "ts": [START_MS] * ROWS, "model": ["m"] * ROWS, "version": ["v"] * ROWS}
    return message(pa.table(some | columns))


def times(numbers: list[int], unit: str, zone: str | None = None) -> pa.Array:
    return pa.array(numbers, pa.timestamp(unit, zone))


def outcome(value: bytes, **others: int) -> None:
    """Hold what the monitor, and the request log, make of a message: good items and rejects by reason."""
    batch = taken([value], "arrow")
    reasons = [reject.reason for reject in batch.rejects]
    assert {"items": batch.items} | {each: reasons.count(each) for each in reasons} == others
    requests = FORMATS["arrow"].requests
    assert requests is not None
    decoded = requests(RULES).decode(received([value]))
    assert (len(decoded.items), [reject.reason for reject in decoded.rejects]) == (others["items"], reasons)


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_a_time_beyond_all_calendars_costs_its_row(zone: str | None) -> None:
    outcome(events(ts=times(FAR_TIMES, "ms", zone)), items=2, absurd_timestamp=1)


def test_seconds_do_not_overflow_into_times_that_are_believed() -> None:
    wraps = (1 << 64) // 1_000 + 1 + START_MS // 1_000
    assert START_MS - 1_000 < (wraps * 1_000) % (1 << 64) < START_MS + 2_000
    outcome(events(ts=times([START_MS // 1_000, wraps, -FAR], "s")), items=1, absurd_timestamp=2)


def test_a_time_that_no_item_has_may_be_anything() -> None:
    outcome(events(when=times(FAR_TIMES, "ms")), items=3)


def alike_as_json(columns: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """Hold that columns beside those that are needed come to what rows of JSON come to, by columns and row by row."""
    needed = [{"request_id": name, "ts": START_MS, "model": "m", "version": "v"} for name in "abc"]
    wanted = taken([json.dumps([one | row for one, row in zip(needed, rows, strict=True)]).encode()], "native")
    assert not wanted.rejects
    for others in ({}, {"kind": [None, None, ""]}):  # A kind is read row by row.
        found = taken([events(**columns, **others)], "arrow")
        assert text(replace(found, unread=())) == text(replace(wanted, unread=()))


@pytest.mark.parametrize("copies", [[True, False, True], [None, True, False], [None, None, True]])
def test_copies_are_marked_as_in_json(copies: list[bool | None]) -> None:
    """Whole columns of events that say which are copies ended the worker."""
    alike_as_json({"mirrored": copies}, [{"mirrored": each} for each in copies])


@pytest.mark.parametrize("missing", [math.nan, math.inf])
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_what_is_no_number_is_missing_within_fields_too(missing: float, kind: pa.DataType) -> None:
    """Row by row it was a metric of null, and counted as a fault of the field."""
    numbers = pa.array([np.float16(each) for each in (1.5, missing, 2)], pa.float16()).cast(kind)
    inside = pa.StructArray.from_arrays([numbers, pa.array([1, 2, 3])], names=["a", "b"])
    rows: list[dict[str, Any]] = [{"metrics": {"a": 1.5, "b": 1}}, {"metrics": {"b": 2}}, {"metrics": {"a": 2, "b": 3}}]
    alike_as_json({"metrics": inside}, rows)
    alike_as_json({"metrics.a": numbers, "metrics.b": [1, 2, 3]}, rows)


def test_a_field_in_a_struct_and_by_itself_is_that_which_a_row_has() -> None:
    """The later column was taken, and of a row in which it is missing nothing."""
    regions = pa.StructArray.from_arrays([pa.array(["eu", "us", None])], names=["region"])
    rows = [{"slices": {"region": "eu"}}, {"slices": {"region": "us"}}, {"slices": {"region": "ap"}}]
    alike_as_json({"slices": regions, "slices.region": [None, None, "ap"]}, rows)


def test_a_column_that_should_hold_fields_and_does_not_is_unusable_in_any_order() -> None:
    dotted, text = {"slices.region": ["eu"] * ROWS}, {"slices": ["region=eu"] * ROWS}
    first, second = taken([events(**dotted, **text)], "arrow"), taken([events(**text, **dotted)], "arrow")
    assert first.unusable == second.unusable == {"slices": ROWS}
    outcome(events(features=[[1]] * ROWS, **{"features.a": [1] * ROWS}), items=3)


@pytest.mark.parametrize(
    "columns",
    [
        {"ts": times([START_MS] * ROWS, "ms", "Mars/Olympus")},
        {"features": pa.array([[([1], 2.0)]] * ROWS, pa.map_(pa.list_(pa.int32()), pa.float64()))},
        {"slices": pa.StructArray.from_arrays([pa.array(["x"] * ROWS)] * 2, names=["region", "region"])},
        {"features": pa.StructArray.from_arrays([times(FAR_TIMES, "ms")], names=["when"])},
    ],
    ids=["zone", "map of lists", "struct with one name twice", "time within"],
)
def test_what_nobody_can_read_is_refused_whole(columns: dict[str, Any]) -> None:
    outcome(events(**columns), items=0, bad_arrow=1)
