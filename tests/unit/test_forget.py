"""One user's rows are deleted, whatever ids they are stored by, and nobody else's."""

import re
from pathlib import Path
from typing import Any

import pytest

from flows.archive.forget import forget
from flows.settings import Settings, embedded
from flows.sql import QueryError
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Rows
from tests.conftest import Embedded
from tests.sample_rows import sample

KEY = "0123456789abcdef"
README = Path(__file__).parents[2] / "infra" / "README.md"


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def store(embedded: Embedded, table: str, **columns: list[Any]) -> None:
    (count,) = {len(column) for column in columns.values()}
    inserter = Inserter(embedded.client, _fail)
    inserter.add(Rows(table=table, columns={**sample(table, count).columns, **columns}))
    inserter.flush()


def left(embedded: Embedded, table: str, column: str) -> list[str]:
    rows = embedded.client.query(f"SELECT {column} FROM {table} ORDER BY {column}").result_rows  # noqa: S608
    return [value for (value,) in rows]


@pytest.mark.parametrize("key", [KEY, None])
def test_all_of_one_user_is_gone_and_the_rest_is_there(embedded_clickhouse: Embedded, key: str | None) -> None:
    ann, bob = ("ann", "bob") if key is None else (Pseudonyms(key).of("ann") or "", Pseudonyms(key).of("bob") or "")
    ids = ["r1", "r2", "r3", "r3"]  # r3 twice: a superseded row.
    store(embedded_clickhouse, "request", request_id=ids, user_id=[ann, bob, ann, ann], ts=[1_700_000_000_000] * 4)
    store(embedded_clickhouse, "feedback", request_id=["r1", "r2", "r9"])
    letters = [f'{{"user_id":"{ann}"}}', f'{{"user_id":"{bob}"}}', f'{{"user_id":"jo{ann}"}}']
    store(embedded_clickhouse, "dead_letter", value=letters)
    deleted = forget(Settings(id_key=key), embedded_clickhouse.url, "ann")
    assert deleted["feedback"] == deleted["dead_letter"] == 1
    assert deleted["request"] in (2, 3)  # Superseded rows are merged away at once or later.
    assert left(embedded_clickhouse, "request", "request_id") == ["r2"]
    assert left(embedded_clickhouse, "feedback", "request_id") == ["r2", "r9"]
    assert left(embedded_clickhouse, "dead_letter", "value") == sorted(letters[1:])
    assert set(forget(Settings(id_key=key), embedded_clickhouse.url, "ann").values()) == {0}


def test_of_an_id_that_two_models_have_only_the_users_own_is_deleted(embedded_clickhouse: Embedded) -> None:
    store(
        embedded_clickhouse,
        "request",
        request_id=["1", "1"],
        model=["chat", "search"],
        user_id=["ann", "bob"],
        ts=[1_700_000_000_000] * 2,
    )
    store(embedded_clickhouse, "feedback", request_id=["1", "1"], model=["chat", "search"])
    assert forget(Settings(), embedded_clickhouse.url, "ann")["feedback"] == 1
    assert left(embedded_clickhouse, "feedback", "model") == ["search"]


def test_rows_and_texts_go_by_themselves_when_the_documents_say(embedded_clickhouse: Embedded) -> None:
    client = embedded_clickhouse.client
    for days in (0, 8, 31):
        client.command(
            "INSERT INTO request (model, ts, request_id, version, input, output, inserted_at) VALUES"
            " ('m', '2026-01-01', {days:String}, 'v', 'i', 'o', now64(3) - toIntervalDay({days:UInt8}))",
            parameters={"days": days},
        )
    client.command("OPTIMIZE TABLE request FINAL")
    rows = client.query("SELECT request_id, input, output FROM request ORDER BY request_id").result_rows
    assert rows == [("0", "i", "o"), ("8", "", "")]
    for statement in re.findall(r"^ALTER TABLE request .*;$", README.read_text(), re.MULTILINE):
        client.command(statement.rstrip(";"))
    made = str(client.command("SHOW CREATE TABLE request"))
    assert [int(days) for days in re.findall(r"toIntervalDay\((\d+)\)", made)] == [1, 1, 90]


def test_nobody_is_not_everybody_who_names_nobody(embedded_clickhouse: Embedded) -> None:
    store(embedded_clickhouse, "request", request_id=["r1"], user_id=[""], ts=[1_700_000_000_000])
    with pytest.raises(QueryError, match="id is empty"):
        forget(Settings(), embedded_clickhouse.url, "")
    assert left(embedded_clickhouse, "request", "request_id") == ["r1"]


def test_without_the_key_of_hashed_ids_nothing_is_claimed(embedded_clickhouse: Embedded) -> None:
    ann = Pseudonyms(KEY).of("ann") or ""
    store(embedded_clickhouse, "request", request_id=["r1"], user_id=[ann], ts=[1_700_000_000_000])
    with pytest.raises(QueryError, match="ROLLGUARD_ID_KEY"):
        forget(Settings(), embedded_clickhouse.url, "ann")


def test_a_user_called_as_a_field_takes_no_letters_of_others(embedded_clickhouse: Embedded) -> None:
    letters = ['{"ts":"number","user_id":"ann"}', '{"user_id": "ts"}']
    store(embedded_clickhouse, "dead_letter", value=letters)
    assert forget(Settings(), embedded_clickhouse.url, "ts")["dead_letter"] == 1
    assert left(embedded_clickhouse, "dead_letter", "value") == letters[:1]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no store there"):
        forget(Settings(), embedded(tmp_path / "none"), "ann")
    assert not (tmp_path / "none").exists()
