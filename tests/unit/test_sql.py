"""`rollguard sql`: the forms of an answer, and what is said when there is none."""

import csv
import io
import json
from pathlib import Path

import pytest

from flows import settings
from flows.sql import Form, QueryError, answer
from operators.connectors.clickhouse.query import QueryRefused

ROW = (
    "SELECT 1 AS n, 'a,\"b\"' AS text, [1, 2] AS list, map('k', 'v') AS dims, 0.123456789 AS share, NULL AS nothing,"
    " toDateTime64('2025-10-09 08:00:00.5', 3, 'UTC') AS time"
)


def test_the_three_forms_hold_the_same_row(empty_store: str) -> None:
    header, row = answer(empty_store, ROW, "table", []).splitlines()
    assert header.split() == ["n", "text", "list", "dims", "share", "nothing", "time"]
    assert row.split() == ["1", 'a,"b"', "[1,", "2]", "{'k':", "'v'}", "0.123457", "-", "2025-10-09", "08:00:00"]
    (line,) = answer(empty_store, ROW, "json", []).splitlines()
    found = json.loads(line)
    assert found["dims"] == {"k": "v"}
    assert (found["n"], found["text"], found["list"], found["share"]) == (1, 'a,"b"', [1, 2], 0.123456789)
    assert found["nothing"] is None
    assert found["time"].startswith("2025-10-09T08:00:00.5")
    names, values = csv.reader(io.StringIO(answer(empty_store, ROW, "csv", [])))
    assert names == ["n", "text", "list", "dims", "share", "nothing", "time"]
    assert values[:2] == ["1", 'a,"b"']


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_an_empty_answer_has_no_rows(empty_store: str, form: Form) -> None:
    text = answer(empty_store, "SELECT version, good FROM sli_pane", form, [])
    assert text.split() in ([], ["version", "good"], ["version,good"])


def test_text_that_looks_like_markup_is_printed_as_it_is(empty_store: str) -> None:
    """`[/x]` once ended in a traceback, `[bold]` vanished, `:smile:` became a picture."""
    text = answer(empty_store, "SELECT '[/x] [bold] :smile:' AS `[red]`", "table", [])
    assert text == "[red]\n[/x] [bold] :smile:\n"


def test_a_query_may_come_from_a_file_and_take_parameters(empty_store: str, tmp_path: Path) -> None:
    path = tmp_path / "query.sql"
    path.write_text("SELECT {name:String} AS name, {n:UInt8} + 1 AS n")
    assert answer(empty_store, f"@{path}", "csv", ["name=a=b", "n=2"]) == "name,n\na=b,3\n"


def test_what_cannot_be_asked_is_said_in_one_line(empty_store: str, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="is not NAME=VALUE"):
        answer(empty_store, "SELECT 1", "table", ["name"])
    with pytest.raises(QueryRefused, match="Syntax error") as caught:
        answer(empty_store, "SELEKT 1", "table", [])
    assert len(str(caught.value).splitlines()) == 1
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    with pytest.raises(QueryError, match="is not UTF-8"):
        answer(empty_store, f"@{tmp_path / 'latin.sql'}", "table", [])
    with pytest.raises(FileNotFoundError):
        answer(empty_store, f"@{tmp_path / 'missing.sql'}", "table", [])


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="no store there"):
        answer(settings.embedded(tmp_path / "no#where"), "SELECT 1", "table", [])
    assert list(tmp_path.iterdir()) == []
