"""A store that an older version made, with rows in it, becomes one of this version."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.connectors.clickhouse.client import held, open_clickhouse
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from operators.store.columns import TABLES
from operators.store.rows import Rows
from tests.conftest import MIGRATIONS
from tests.sample_rows import START_MS, sample

ADDED = {
    "feedback": {"name", "unit", "sample", "standing", "reason"},
    "control": {"barred", "lifts", "weights", "slices_more", "diff_more"}
    | {"incident", "update", "closes", "sentence", "error_types", "requests", "findings", "moved"},
    "sli_window": {"coverage"},
}


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


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as it was before, with rows in all tables."""
    folder = tmp_path_factory.mktemp("before")
    url = f"chdb://{folder}/clickhouse"
    migrate(url, _until(folder / "then", "0009_drift.sql"))
    known = {name for (name,) in _read(url, "SELECT name FROM system.tables WHERE database = currentDatabase()")}
    assert {"feedback", "control"} <= known
    _store_as_before(url, *(sample(table, 20) for table in TABLES if table in known))
    return folder / "clickhouse"


@pytest.fixture(scope="module")
def updated(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same store, made one of this version."""
    folder = tmp_path_factory.mktemp("updated") / "clickhouse"
    shutil.copytree(before, folder, symlinks=True)
    migrate(f"chdb://{folder}", MIGRATIONS)
    return folder


@pytest.fixture
def new(updated: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a copy of that one, held open, because the engine ends with its last client and starts slowly."""
    shutil.copytree(updated, tmp_path / "clickhouse", symlinks=True)
    with held(f"chdb://{tmp_path}/clickhouse"):
        yield f"chdb://{tmp_path}/clickhouse"


@pytest.fixture(scope="module")
def kept(before: Path, updated: Path) -> tuple[dict[str, list[Any]], dict[str, list[Any]], dict[str, list[Any]]]:
    """By table: the rows of before, the same columns afterwards, and what stands in the columns that were added."""
    queries = {table: f"SELECT {', '.join(OLD[table])} FROM {table}_latest ORDER BY ALL" for table in ADDED}  # noqa: S608
    added = {table: f"SELECT DISTINCT {', '.join(sorted(new))} FROM {table}_latest" for table, new in ADDED.items()}  # noqa: S608
    then = _read_all(f"chdb://{before}", queries)
    return then, _read_all(f"chdb://{updated}", queries), _read_all(f"chdb://{updated}", added)


def _read_all(url: str, queries: dict[str, str]) -> dict[str, list[Any]]:
    with held(url):
        return {name: list(_read(url, query)) for name, query in queries.items()}


@pytest.mark.parametrize("table", ADDED)
def test_rows_of_before_are_kept_as_they_were(kept: Any, table: str) -> None:
    then, now, added = (each[table] for each in kept)
    assert now == then
    assert len(then) == 20
    empty = {
        "feedback": ("",) * 5,
        "control": ((), 0, 0, "", "", "", None, (), (), "", 0, 0, ""),
        "sli_window": (1.0,),
    }
    assert [tuple(tuple(cell) if isinstance(cell, list) else cell for cell in row) for row in added] == [empty[table]]


def test_a_view_shows_the_columns_of_its_table(new: str) -> None:
    described = _read(new, "SELECT table, name FROM system.columns WHERE database = 'rollguard' ORDER BY position")
    for table, columns in TABLES.items():
        shown = [name for view, name in described if view == f"{table}_latest"]
        assert [name for name in shown if name in columns] == list(columns), table


def test_a_column_that_a_table_gets_later_shows_in_its_view(new: str, tmp_path: Path) -> None:
    """No migration has to make the view again: ClickHouse itself keeps the columns of the day it was made."""
    later = _until(tmp_path / "later", "9999")
    (later / "9999_more.sql").write_text(
        "ALTER TABLE feedback ${ON_CLUSTER} ADD COLUMN IF NOT EXISTS more String DEFAULT 'unknown' AFTER name;\n"
        "ALTER TABLE feedback ${ON_CLUSTER} ADD COLUMN IF NOT EXISTS both String ALIAS concat(name, more);\n"
    )
    assert migrate(new, later) == ["9999_more.sql"]
    described = [name for name, *_ in _read(new, "DESCRIBE TABLE feedback_latest")]
    assert described[described.index("name") + 1] == "more"
    assert _read(new, "SELECT count(), any(more), any(both) FROM feedback_latest") == [(20, "unknown", "unknown")]


def test_criteria_of_one_request_and_time_stand_side_by_side_and_each_replaces_itself(new: str) -> None:
    query = "SELECT name, value FROM feedback_latest WHERE request_id = 'r' ORDER BY name"
    _store(new, _judged("tone", "0"), _judged("truth", "1"), _judged("", "2"))
    assert _read(new, query) == [("", "2"), ("tone", "0"), ("truth", "1")]
    _store(new, _judged("tone", "3"))
    assert _read(new, query) == [("", "2"), ("tone", "3"), ("truth", "1")]
    client = open_clickhouse(new)
    client.command("OPTIMIZE TABLE feedback FINAL")
    client.close()
    assert _read(new, query.replace("_latest", "")) == [("", "2"), ("tone", "3"), ("truth", "1")]


def test_rows_of_before_are_replaced_by_the_same_of_now(new: str) -> None:
    """A worker that was updated in the middle of an epoch sends its rows again, with the new columns."""
    again = Rows(table="feedback", columns={**sample("feedback", 20).columns, "name": [""] * 20})
    _store(new, again, sample("control", 20))
    assert _read(new, "SELECT count() FROM feedback_latest") == [(20,)]
    assert _read(new, "SELECT count(), max(slices_more) FROM control_latest") == [(20, 19)]


def test_a_worker_of_before_can_go_on_writing(new: str) -> None:
    """While processes are restarted one after the other."""
    _store_as_before(new, sample("control", 5, 100), sample("feedback", 5, 100))
    late = START_MS + 100 * 1_000
    assert _read(new, f"SELECT count() FROM control_latest WHERE at >= fromUnixTimestamp64Milli({late})") == [(5,)]  # noqa: S608


def test_a_migration_that_was_broken_off_is_made_again(new: str) -> None:
    """Each statement may have been done, and the books not have been written."""
    client = open_clickhouse(new)
    client.command("ALTER TABLE schema_versions DELETE WHERE version >= 10 SETTINGS mutations_sync = 1")
    client.close()
    assert migrate(new, MIGRATIONS) == [file.name for file in sorted(MIGRATIONS.glob("*.sql")) if file.name >= "0010"]
    assert _read(new, "SELECT count() FROM feedback_latest") == [(20,)]


def test_tables_that_were_dropped_are_made_again_as_they_were(tmp_path: Path) -> None:
    url = f"chdb://{tmp_path}/store"
    with held(url):
        migrate(url, MIGRATIONS)
        lost = ["feedback", "request"]
        client = open_clickhouse(url)
        made = [client.query(f"SHOW CREATE TABLE {table}").result_rows for table in lost]
        for table in lost:
            client.command(f"DROP TABLE {table} SYNC")
        assert migrate(url, MIGRATIONS) == [], "a worker may not see all tables, and does not look for them"
        told = migrate(url, MIGRATIONS, again=True)
        assert told == [f"table {table}, which was not there any more" for table in lost]
        assert [client.query(f"SHOW CREATE TABLE {table}").result_rows for table in lost] == made
        _store(url, sample("request", 2))
        assert client.query("SELECT count() FROM request_latest").result_rows == [(2,)]
        assert migrate(url, MIGRATIONS, again=True) == []
        client.close()
