"""The SQL of infra/clickhouse and operators/store/columns.py say the same, and every table keeps the rules of 0001."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate, variables
from operators.connectors.clickhouse.refused import Poison
from operators.rows.verdicts import NOT_STORED
from operators.store.columns import TABLES, Kind
from operators.store.rows import Coded, Rows
from operators.wire.control import ControlEvent
from tests.conftest import MIGRATIONS, Embedded, migrated
from tests.sample_rows import sample

SQL_TYPES: dict[Kind, set[str]] = {
    "string": {"String", "LowCardinality(String)"},
    "uint8": {"UInt8"},
    "uint8?": {"Nullable(UInt8)"},
    "uint32": {"UInt32"},
    "uint64": {"UInt64"},
    "uint64?": {"Nullable(UInt64)"},
    "float32": {"Float32"},
    "float64": {"Float64"},
    "float64?": {"Nullable(Float64)"},
    "time_ms": {"DateTime64(3, 'UTC')"},
    "time_ms?": {"Nullable(DateTime64(3, 'UTC'))"},
    "decimal9": {"Decimal(38, 9)"},
    "int16[]": {"Array(Int16)"},
    "uint32[]": {"Array(UInt32)"},
    "uint8?[]": {"Array(Nullable(UInt8))"},
    "float64?[]": {"Array(Nullable(Float64))"},
    "string[]": {"Array(LowCardinality(String))", "Array(String)"},
    "numbers": {"Map(LowCardinality(String), Float64)"},
    "map": {"Map(LowCardinality(String), LowCardinality(String))"},
}

_COLUMNS = (
    "SELECT name, type, default_kind, comment FROM system.columns"
    " WHERE database = currentDatabase() AND table = {table:String} ORDER BY position"
)
_TABLES = (
    "SELECT name, partition_key, sorting_key, create_table_query FROM system.tables"
    " WHERE database = currentDatabase() AND engine = 'ReplacingMergeTree'"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with migrated(tmp_path_factory.mktemp("tables")) as embedded:
        yield embedded


def test_every_field_of_a_control_event_is_stored_or_left_out_on_purpose() -> None:
    """Sentences, incidents and findings once were in no column: nobody could ask what was said in the night."""
    fields = set(ControlEvent.__struct_fields__)
    assert fields - TABLES["control"].keys() == set(NOT_STORED)
    assert TABLES["control"].keys() - fields == {"at", "ver"}


def test_sql_and_python_name_the_same_columns(tables: Embedded) -> None:
    for table, columns in TABLES.items():
        found = tables.client.query(_COLUMNS, {"table": table}).result_rows
        # What a table got later may have a default, for the rows of before.
        written = {name: type_ for name, type_, default, _ in found if not default or name in columns}
        assert list(written) == list(columns), table
        for name, kind in columns.items():
            assert written[name] in SQL_TYPES[kind], (table, name)
        assert all(comment for name, _, _, comment in found if name not in {"version", "slice"}), table


def test_tables_keep_the_rules(tables: Embedded) -> None:
    rows = tables.client.query(_TABLES).result_rows
    rollups = {f"{name}_{grain}" for name in ("sli_pane", "outcome_pane", "measure_pane") for grain in ("1h", "1d")}
    assert {name for name, *_ in rows} == set(TABLES) | rollups
    for name, partition, key, create in rows:
        # Of two equal keys in different partitions FINAL would leave both.
        time = re.fullmatch(r"toYYYYMM(?:DD)?\((\w+)\)", partition)
        assert (time is not None and time[1] in key.split(", ")) or partition == "", name
        assert name == "dead_letter" or "ReplacingMergeTree(ver)" in create, name
        assert name in rollups or "non_replicated_deduplication_window = 1000" in create, name
        assert "_1d" in name or "TTL " in create, name


_PANE = {"model", "version", "slice", "pane_start", "pane_ms", "late", "arrival"}
_WINDOW = {"model", "version", "slice", "kind", "size_ms", "window_start", "window_end"}

# What makes a row another row; everything else is what it says.
IDENTITY = {
    "sli_pane": _PANE | {"sli"},
    "sli_cohort": _PANE | {"sli", "within_ms", "came"},
    "outcome_pane": _PANE | {"error_type"},
    "measure_pane": _PANE | {"measure"},
    "sli_window": _WINDOW | {"sli"},
    "measure_window": _WINDOW | {"measure"},
    "outcome_window": _WINDOW,
    "feedback": {"model", "version", "slice", "request_id", "ts", "kind", "source", "name"},
    "verdict": {"model", "version", "slice", "rule", "sli", "at"},
    "control": {"model", "at", "id"},
    "evidence": {"model", "version", "slice", "rule", "sli", "measure", "at"},
    "release": {"model", "version", "at"},
    "command": {"model", "at", "id"},
    "policy": {"hash", "at"},
    "progress": {"shard", "at"},
    "drift": {
        "model",
        "version",
        "slice",
        "monitor",
        "field",
        "method",
        "window_start",
        "window_end",
    },
    "feature_window": {"model", "version", "slice", "field", "profile", "window_start", "window_end"},
    "profile": {"profile", "field", "bin"},
    "request": {"model", "ts", "request_id", "version", "attempt"},
    "triage_case": {"model", "id"},
    "triage_action": {"model", "at", "id"},
    "eval_case": {"model", "id"},
    "eval_set": {"model", "number", "hash"},
    "eval_result": {"model", "at", "run", "version", "id", "attempt"},
    "dead_letter": {"source", "position", "item"},
}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def _changed(table: str, name: str) -> Rows:
    """The first sample row with another value in one column."""
    rows = sample(table, 1)
    column = rows.columns[name]
    value = next(iter(column.values)) if isinstance(column, Coded) else column[0]  # type: ignore[index]
    other = f"{value} too" if isinstance(value, str) else int(value) + 1
    return Rows(table=table, columns={**rows.columns, name: [other]})


@pytest.mark.parametrize("table", TABLES)
def test_rows_that_differ_in_what_they_are_about_stand_side_by_side(tables: Embedded, table: str) -> None:
    client = tables.client
    inserter = Inserter(client, _fail)
    for name in sorted(IDENTITY[table]):
        inserter.add(_changed(table, name))
    inserter.add(sample(table, 1))
    inserter.flush()
    inserter.add(Rows(table=table, columns={**sample(table, 1).columns, **_said_otherwise(table)}))
    inserter.flush()
    count = client.query("SELECT count() FROM {view:Identifier}", {"view": f"{table}_latest"}).result_rows
    assert count == [(len(IDENTITY[table]) + 1,)]


def _said_otherwise(table: str) -> dict[str, Any]:
    """Other values in plain columns that are no part of what a row is about."""
    kinds = {name: kind for name, kind in TABLES[table].items() if name not in IDENTITY[table]}
    return {name: [7] for name, kind in kinds.items() if kind in {"uint8", "uint32", "uint64", "float32", "float64"}}


def test_every_view_can_be_read(tables: Embedded) -> None:
    client = tables.client
    views = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
    assert len(views.result_rows) == len(TABLES) + 8
    for (view,) in views.result_rows:
        client.query("SELECT * FROM {view:Identifier}", {"view": view})  # Raises where it cannot be read.


def test_every_view_of_a_table_has_all_of_its_columns(tables: Embedded) -> None:
    query = (
        "SELECT table, arraySort(groupArray(name)) FROM system.columns WHERE database = currentDatabase() GROUP BY 1"
    )
    columns = {row[0]: row[1] for row in tables.client.query(query).result_rows}
    views = [name for name in columns if name.endswith("_latest")]
    assert len(views) > len(TABLES)
    for view in views:
        assert columns[view] == columns[view.removesuffix("_latest")], view


def test_migrating_again_changes_nothing(tables: Embedded) -> None:
    assert migrate(tables.url, MIGRATIONS) == []


def test_files_are_valid_for_a_cluster(tables: Embedded) -> None:
    """The embedded engine cannot run them, for want of a Keeper, but it can read them."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        text = file.read_text()
        for name, value in variables("main").items():
            text = text.replace(f"${{{name}}}", value)
        text = re.sub(r"--[^\n]*", "", text)
        for statement in filter(str.strip, text.split(";\n")):
            read = tables.client.query("SELECT formatQuery({sql:String})", {"sql": statement}).result_rows
            assert "ON CLUSTER main" in read[0][0], file


@pytest.mark.parametrize("suffix", ["", "_1h", "_1d"])
def test_bucket_codes_stand_for_values_of_either_sign(tables: Embedded, suffix: str) -> None:
    client = tables.client
    table = f"measure_pane{suffix}"
    written = "refreshed_at" if suffix else "inserted_at"
    codes = [-5382, -4000, -2964, -2000, -1036, 0, 1382]
    client.command("TRUNCATE TABLE {table:Identifier}", {"table": table})
    client.insert(table, [[1.02, codes, datetime.now(UTC)]], column_names=["gamma", "buckets", written])
    read = client.query("SELECT bucket_values FROM {view:Identifier}", {"view": f"{table}_latest"})
    (values,) = read.result_rows[0]
    middle = 2 / 2.02
    expected = [-(1.02**1382), -1.0, -(1.02**-1036), 0.0, 1.02**-1036, 1.0, 1.02**1382]
    assert values == pytest.approx([value * middle for value in expected])
