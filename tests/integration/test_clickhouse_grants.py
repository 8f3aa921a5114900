"""The grants of infra/clickhouse/access: statements that the engine takes, and no migration."""

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from flows import settings
from operators.connectors.clickhouse.migrations import migrate
from tests.conftest import Embedded, with_tables

GRANTS = settings.migrations() / "access" / "grants.sql"


def statements() -> list[str]:
    lines = [line for line in GRANTS.read_text().splitlines() if not line.startswith("--")]
    return [text.strip() for text in "\n".join(lines).split(";") if text.strip()]


@pytest.fixture
def client(embedded_clickhouse: Embedded) -> Client:
    return embedded_clickhouse.client


def test_the_engine_takes_every_statement(client: Client) -> None:
    """It knows users only where it is a server: here it reads the statements, and then misses the right to obey."""
    for text in statements():
        assert client.query(f"EXPLAIN AST {text}").result_rows
        with pytest.raises(DatabaseError, match=r"ACCESS_DENIED|UNKNOWN_ROLE"):
            client.command(text)


def test_they_name_what_there_is(client: Client) -> None:
    """A right on a table that is not there would be given without a word."""
    tables = {
        name for (name,) in client.query("SELECT name FROM system.tables WHERE database = 'rollguard'").result_rows
    }
    named = {part.split()[0] for text in statements() for part in text.split(" ON rollguard.")[1:]}
    assert named - {"*"} <= tables
    texts = {"dead_letter", "request", "triage_case", "eval_case", "eval_result"}
    views = {"request_latest", "feedback", "feedback_latest"}  # Of what `evaluate --reported` reads.
    assert named == {"*", "schema_versions", "triage_action", "eval_set"} | views | texts


def test_roles_can_do_no_more_than_their_work() -> None:
    given = [text for text in statements() if text.startswith("GRANT ")]
    assert [text for text in given if text.endswith("TO rollguard_reader")] == [
        "GRANT SELECT ON rollguard.* TO rollguard_reader"
    ]
    assert [text for text in given if text.endswith("TO rollguard_writer")] == [
        "GRANT INSERT ON rollguard.* TO rollguard_writer",
        "GRANT SELECT ON rollguard.schema_versions TO rollguard_writer",
    ]
    assert [text for text in given if text.endswith("TO rollguard_enricher")] == [
        "GRANT INSERT ON rollguard.dead_letter TO rollguard_enricher",
        "GRANT SELECT ON rollguard.request TO rollguard_enricher",
        "GRANT SELECT ON rollguard.schema_versions TO rollguard_enricher",
    ]
    assert any("readonly = 2 READONLY" in text for text in statements())


def test_a_worker_makes_nothing_where_all_tables_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may lack the right to: a server refuses CREATE ... IF NOT EXISTS also for what exists."""
    url = with_tables(tmp_path)
    with monkeypatch.context() as patched:
        patched.delattr("clickhouse_migrations.clickhouse_cluster.ClickhouseCluster.apply_migrations")
        assert migrate(url, settings.migrations()) == []
