"""Rows become Arrow tables without losing or bending a value."""

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.connectors.clickhouse.arrow import converted, part, to_arrow
from operators.store.columns import TABLES
from operators.store.rows import Coded, Column, Ragged, Rows, same
from tests.sample_rows import sample


def _with(rows: Rows, **columns: Column) -> Rows:
    return Rows(table=rows.table, columns={**rows.columns, **columns})


def _read(table: str, name: str, column: Column) -> list[Any]:
    return to_arrow(_with(sample(table, len(column)), **{name: column})).column(name).to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("table", TABLES)
def test_columns_stand_in_the_order_of_the_table(table: str) -> None:
    arrow = to_arrow(sample(table, 12))
    assert arrow.column_names == list(TABLES[table])
    assert arrow.num_rows == 12


@pytest.mark.parametrize("table", TABLES)
def test_no_rows_are_an_empty_table(table: str) -> None:
    assert to_arrow(sample(table, 0)).num_rows == 0


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("start", "stop"), [(0, 12), (0, 0), (3, 9), (11, 12)])
def test_a_part_equals_the_same_rows_of_the_whole(table: str, start: int, stop: int) -> None:
    rows = sample(table, 12)
    assert to_arrow(part(rows, start, stop)).to_pylist() == to_arrow(rows).to_pylist()[start:stop]


@pytest.mark.parametrize("table", TABLES)
def test_converted_rows_are_the_same_rows_whole_and_in_parts(table: str) -> None:
    rows = sample(table, 12)
    ready = converted(rows)
    assert to_arrow(ready).equals(to_arrow(rows))
    assert to_arrow(part(ready, 3, 9)).equals(to_arrow(part(rows, 3, 9)))


def test_rows_that_do_not_fit_are_not_converted() -> None:
    rows = _with(sample("sli_pane", 2), good=np.array([1, -1]))
    assert converted(rows) is rows


@pytest.mark.parametrize("count", [0, 1, 3, 4_001])
def test_a_column_of_nothing_is_of_the_type_of_its_kind(count: int) -> None:
    of_kind = {kind: name for name, kind in TABLES["request"].items()}
    empty: dict[str, Any] = {
        kind: {"string": "", "map": {}, "numbers": {}}.get(kind, [] if kind.endswith("[]") else 0) for kind in of_kind
    }
    values = {kind: [None if kind.endswith("?") else empty[kind]] * count for kind in of_kind}
    alike = {name: same(values[kind][0] if count else empty[kind], count) for kind, name in of_kind.items()}
    rows = sample("request", count)
    once, twice = (to_arrow(_with(rows, **alike)) for _ in range(2))
    plain = to_arrow(_with(rows, **{name: values[kind] for kind, name in of_kind.items()}))
    for name in of_kind.values():
        found, wanted = (each.column(name).to_pylist() for each in (once, plain))
        assert found == twice.column(name).to_pylist() == wanted
        assert [type(value) for value in found] == [type(value) for value in wanted]


def test_maps_keep_their_keys_in_their_order() -> None:
    rows = [{"a": "1", "b": "2"}, {"b": "3", "a": "4"}, {"a": "5", "c": "6"}, {}]
    for some in (rows, rows[:1] * 3, rows[:2], rows[:1] + rows[2:3], rows[3:] * 2, []):
        assert [list(row) for row in _read("sli_pane", "dims", some)] == [list(row.items()) for row in some]


@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1)))
def test_sums_of_any_size_are_exact(units: list[int]) -> None:
    with localcontext(prec=50):
        assert _read("measure_pane", "sum", units) == [Decimal(unit).scaleb(-9) for unit in units]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integer_and_object_sums_agree(units: list[int]) -> None:
    assert _read("measure_pane", "sum", np.array(units, dtype=np.int64)) == _read("measure_pane", "sum", units)


def test_coded_values_stand_where_their_codes_say() -> None:
    column = Coded(values=[{"a": "1"}, {}, {"a": "2", "b": "3"}], codes=np.array([2, 0, 1, 2]))
    read = _read("sli_pane", "dims", column)
    assert [dict(row) for row in read] == [{"a": "2", "b": "3"}, {"a": "1"}, {}, {"a": "2", "b": "3"}]


def test_lists_are_cut_at_their_offsets() -> None:
    column = Ragged(flat=np.array([5, 6, -7], dtype=np.int16), offsets=np.array([0, 0, 2, 3]))
    assert _read("measure_pane", "buckets", column) == [[], [5, 6], [-7]]


def test_nan_and_none_are_null_only_where_null_is_allowed() -> None:
    assert _read("feedback", "score", np.array([np.nan, 0.5])) == [None, 0.5]
    assert _read("feedback", "score", [None, 0.5]) == [None, 0.5]
    assert np.isnan(_read("sli_window", "ratio", np.array([np.nan]))[0])
    with pytest.raises(ValueError, match="column slice must hold string, got a null"):
        _read("feedback", "slice", ["a", None])


@pytest.mark.parametrize(
    ("table", "name", "column"),
    [
        ("sli_pane", "good", np.array([-1])),
        ("sli_pane", "good", np.array([0.5])),
        ("sli_pane", "late", np.array([256])),
        ("sli_pane", "sli", np.array([7])),
        ("sli_pane", "sli", Coded(values=["a"], codes=np.array([1]))),
        ("sli_pane", "dims", [{"region": 1}]),
        ("sli_pane", "dims", ["region"]),
        ("feedback", "ts", ["yesterday"]),
        ("measure_pane", "sum", np.array([0.1])),
        ("measure_pane", "sum", [10**38]),
        ("measure_pane", "sum", [0.1]),
        ("measure_pane", "buckets", Ragged(flat=np.array([40_000]), offsets=np.array([0, 1]))),
    ],
)
def test_what_does_not_fit_is_refused_by_name(table: str, name: str, column: Column) -> None:
    with pytest.raises(ValueError, match=f"column {name} must hold"):
        _read(table, name, column)


def test_columns_must_be_those_of_the_table() -> None:
    rows = sample("sli_pane", 2)
    with pytest.raises(ValueError, match="got 'sli_pain'"):
        to_arrow(Rows(table="sli_pain", columns=rows.columns))
    with pytest.raises(ValueError, match="missing or unknown: \\['colour'\\]"):
        to_arrow(_with(rows, colour=["red", "blue"]))
    with pytest.raises(ValueError, match="differ in length"):
        to_arrow(_with(rows, good=np.array([1])))
