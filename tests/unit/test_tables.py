"""The SQL of infra/clickhouse and operators/tables.py say the same, and every table keeps the rules of 0001."""

import re
from datetime import UTC, datetime

import pytest

from operators.connectors.migrations import migrate, variables
from operators.tables import TABLES, Kind
from tests.conftest import MIGRATIONS, Embedded

SQL_TYPES: dict[Kind, set[str]] = {
    "string": {"String", "LowCardinality(String)"},
    "uint8": {"UInt8"},
    "uint32": {"UInt32"},
    "uint64": {"UInt64"},
    "float64": {"Float64"},
    "float64?": {"Nullable(Float64)"},
    "time_ms": {"DateTime64(3, 'UTC')"},
    "time_ms?": {"Nullable(DateTime64(3, 'UTC'))"},
    "decimal9": {"Decimal(38, 9)"},
    "int16[]": {"Array(Int16)"},
    "uint32[]": {"Array(UInt32)"},
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


def test_sql_and_python_name_the_same_columns(embedded_clickhouse: Embedded) -> None:
    for table, columns in TABLES.items():
        found = embedded_clickhouse.client.query(_COLUMNS, {"table": table}).result_rows
        written = {name: type_ for name, type_, default, _ in found if not default}
        assert list(written) == list(columns), table
        for name, kind in columns.items():
            assert written[name] in SQL_TYPES[kind], (table, name)
        assert all(comment for name, _, _, comment in found if name not in {"version", "slice"}), table


def test_tables_keep_the_rules(embedded_clickhouse: Embedded) -> None:
    rows = embedded_clickhouse.client.query(_TABLES).result_rows
    rollups = {f"{name}_{grain}" for name in ("sli_pane", "outcome_pane", "measure_pane") for grain in ("1h", "1d")}
    assert {name for name, *_ in rows} == set(TABLES) | rollups
    for name, partition, key, create in rows:
        # Of two equal keys in different partitions FINAL would leave both.
        time = re.fullmatch(r"toYYYYMM\((\w+)\)", partition)
        assert (time is not None and time[1] in key.split(", ")) or partition == "", name
        assert name == "dead_letter" or "ReplacingMergeTree(ver)" in create, name
        assert name in rollups or "non_replicated_deduplication_window = 1000" in create, name
        assert "_1d" in name or "TTL " in create, name


def test_every_view_can_be_read(embedded_clickhouse: Embedded) -> None:
    client = embedded_clickhouse.client
    views = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
    assert len(views.result_rows) == len(TABLES) + 6
    for (view,) in views.result_rows:
        assert client.query("SELECT * FROM {view:Identifier}", {"view": view}).result_rows == []


def test_migrating_again_changes_nothing(embedded_clickhouse: Embedded) -> None:
    assert migrate(embedded_clickhouse.url, MIGRATIONS) == []


def test_files_are_valid_for_a_cluster(embedded_clickhouse: Embedded) -> None:
    """The embedded engine cannot run them, for want of a Keeper, but it can read them."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        text = file.read_text()
        for name, value in variables("main").items():
            text = text.replace(f"${{{name}}}", value)
        text = re.sub(r"--[^\n]*", "", text)
        for statement in filter(str.strip, text.split(";\n")):
            read = embedded_clickhouse.client.query("SELECT formatQuery({sql:String})", {"sql": statement}).result_rows
            assert "ON CLUSTER main" in read[0][0], file


@pytest.mark.parametrize("suffix", ["", "_1h", "_1d"])
def test_bucket_codes_stand_for_values_of_either_sign(embedded_clickhouse: Embedded, suffix: str) -> None:
    client = embedded_clickhouse.client
    table = f"measure_pane{suffix}"
    written = "refreshed_at" if suffix else "inserted_at"
    codes = [-5382, -4000, -2964, -2000, -1036, 0, 1382]
    client.insert(table, [[1.02, codes, datetime.now(UTC)]], column_names=["gamma", "buckets", written])
    read = client.query("SELECT bucket_values FROM {view:Identifier}", {"view": f"{table}_latest"})
    (values,) = read.result_rows[0]
    middle = 2 / 2.02
    expected = [-(1.02**1382), -1.0, -(1.02**-1036), 0.0, 1.02**-1036, 1.0, 1.02**1382]
    assert values == pytest.approx([value * middle for value in expected])
