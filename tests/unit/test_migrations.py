"""A store that an older version made, with rows in it, becomes one of this version."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from operators.store.columns import TABLES
from operators.store.rows import Rows
from tests.conftest import MIGRATIONS
from tests.sample_rows import START_MS, sample

ADDED = {
    "feedback": {"name"},
    "control": {"barred", "lifts", "weights", "slices_more", "diff_more"}
    | {"incident", "update", "closes", "sentence", "error_types", "requests", "findings", "moved"},
}
# What was decided from.
DECIDED_FROM = {"evidence", "release", "command", "policy", "progress", "outcome_window"}
MADE_LATER = {"request", "sli_cohort"} | DECIDED_FROM  # Tables that the older version does not have.


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def _until(folder: Path, last: str) -> Path:
    """The migrations up to one of them, as a version of that time had them."""
    folder.mkdir()
    for file in sorted(MIGRATIONS.glob("*.sql")):
        if file.name <= last:
            shutil.copy(file, folder)
    return folder


def _store(url: str, *all_rows: Rows) -> None:
    client = open_clickhouse(url)
    try:
        inserter = Inserter(client, _fail)
        for rows in all_rows:
            inserter.add(rows)
        inserter.flush()
    finally:
        client.close()


def _store_as_before(url: str, *all_rows: Rows) -> None:
    """Store rows as an older version does, which knows some columns only."""
    client = open_clickhouse(url)
    try:
        for rows in all_rows:
            known = OLD.get(rows.table, list(TABLES[rows.table]))
            client.insert_arrow(rows.table, to_arrow(rows).select(known))
    finally:
        client.close()


def _read(url: str, query: str) -> Sequence[Sequence[Any]]:
    client = open_clickhouse(url)
    try:
        return client.query(query).result_rows
    finally:
        client.close()


OLD = {table: [name for name in TABLES[table] if name not in added] for table, added in ADDED.items()}


def _judged(name: str, value: str) -> Rows:
    """What one source says of one request at one time, by one criterion."""
    columns: dict[str, Any] = {**sample("feedback", 1).columns, "name": [name], "value": [value], "request_id": ["r"]}
    return Rows(table="feedback", columns=columns)


@pytest.fixture
def old(tmp_path: Path) -> str:
    """The address of a store as it was before, with rows in all tables."""
    url = f"chdb://{tmp_path}/clickhouse"
    migrate(url, _until(tmp_path / "then", "0009_drift.sql"))
    _store_as_before(url, *(sample(table, 20) for table in TABLES if table not in MADE_LATER))
    return url


@pytest.mark.parametrize("table", ADDED)
def test_rows_of_before_are_kept_as_they_were(old: str, table: str) -> None:
    columns = ", ".join(OLD[table])
    before = _read(old, f"SELECT {columns} FROM {table}_latest ORDER BY ALL")  # noqa: S608
    migrate(old, MIGRATIONS)
    assert _read(old, f"SELECT {columns} FROM {table}_latest ORDER BY ALL") == before  # noqa: S608
    assert len(before) == 20
    new = ", ".join(sorted(ADDED[table]))
    empty = {"feedback": ("",), "control": ((), 0, 0, "", "", "", None, (), (), "", 0, 0, "")}
    rows = _read(old, f"SELECT DISTINCT {new} FROM {table}_latest")  # noqa: S608
    assert [tuple(tuple(cell) if isinstance(cell, list) else cell for cell in row) for row in rows] == [empty[table]]


def test_a_view_shows_the_columns_of_its_table(old: str) -> None:
    migrate(old, MIGRATIONS)
    for table, columns in TABLES.items():
        described = _read(old, f"DESCRIBE TABLE {table}_latest")
        assert [name for name, *_ in described if name in columns] == list(columns), table


def test_criteria_of_one_request_and_time_stand_side_by_side_and_each_replaces_itself(old: str) -> None:
    migrate(old, MIGRATIONS)
    query = "SELECT name, value FROM feedback_latest WHERE request_id = 'r' ORDER BY name"
    _store(old, _judged("tone", "0"), _judged("truth", "1"), _judged("", "2"))
    assert _read(old, query) == [("", "2"), ("tone", "0"), ("truth", "1")]
    _store(old, _judged("tone", "3"))
    assert _read(old, query) == [("", "2"), ("tone", "3"), ("truth", "1")]
    client = open_clickhouse(old)
    client.command("OPTIMIZE TABLE feedback FINAL")
    client.close()
    assert _read(old, query.replace("_latest", "")) == [("", "2"), ("tone", "3"), ("truth", "1")]


def test_rows_of_before_are_replaced_by_the_same_of_now(old: str) -> None:
    """A worker that was updated in the middle of an epoch sends its rows again, with the new columns."""
    migrate(old, MIGRATIONS)
    again = Rows(table="feedback", columns={**sample("feedback", 20).columns, "name": [""] * 20})
    _store(old, again, sample("control", 20))
    assert _read(old, "SELECT count() FROM feedback_latest") == [(20,)]
    assert _read(old, "SELECT count(), max(slices_more) FROM control_latest") == [(20, 19)]


def test_a_worker_of_before_can_go_on_writing(old: str) -> None:
    """While processes are restarted one after the other."""
    migrate(old, MIGRATIONS)
    _store_as_before(old, sample("control", 5, 100), sample("feedback", 5, 100))
    late = START_MS + 100 * 1_000
    assert _read(old, f"SELECT count() FROM control_latest WHERE at >= fromUnixTimestamp64Milli({late})") == [(5,)]  # noqa: S608


def test_a_migration_that_was_broken_off_is_made_again(old: str) -> None:
    """Each statement may have been done, and the books not have been written."""
    migrate(old, MIGRATIONS)
    client = open_clickhouse(old)
    client.command("ALTER TABLE schema_versions DELETE WHERE version >= 10 SETTINGS mutations_sync = 1")
    client.close()
    assert migrate(old, MIGRATIONS) == [file.name for file in sorted(MIGRATIONS.glob("*.sql")) if file.name >= "0010"]
    assert _read(old, "SELECT count() FROM feedback_latest") == [(20,)]
