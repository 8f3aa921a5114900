"""`rollguard sql`: runs one query, and prints its answer as a table, JSON or CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from rich.console import Console
from rich.table import Table

from flows.plain import json_escaped, plain
from operators.connectors.clickhouse.query import ask

Form = Literal["table", "json", "csv"]
WIDTH_MAX = 2_000  # Characters of a line: a table is cut only past this, whatever the terminal.


class QueryError(Exception):
    """The query cannot be run as given."""


def answer(url: str, query: str, form: Form, params: Sequence[str], *, write: bool = False) -> str:
    """Return the answer as text. `query` may be @FILE; a param is NAME=VALUE. Only with `write` may it change data."""
    return FORMS[form](*rows(url, query, params, write=write))


def rows(
    url: str, query: str, params: Sequence[str], *, texts: Mapping[str, str] | None = None, write: bool = False
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return the names and rows of the answer. `texts` are params whose values are taken literally."""
    require_store(url)
    text = _read(Path(query[1:])) if query.startswith("@") else query
    if not text.strip():
        raise QueryError("the query is empty")
    pairs = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals:
            raise QueryError(f"--param {param!r} is not NAME=VALUE")
        pairs[name] = value
    return ask(url, text, pairs, texts=texts, write=write)


def require_store(url: str) -> None:
    """QueryError where an embedded store does not exist: opening it would make it."""
    folder = unquote(urlsplit(url).path)
    if url.startswith("chdb:") and not Path(folder).is_dir():
        raise QueryError(f"{folder}: no store there; `rollguard demo` and `replay` make one, --data names it")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise QueryError(f"{path}: is not UTF-8") from error


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(plain(name), no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    text = io.StringIO()
    # What is in the database is text, even if it looks like markup or :smile:.
    Console(file=text, width=WIDTH_MAX, highlight=False, markup=False, emoji=False).print(table)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return f"{value:.6g}" if isinstance(value, float) else plain(str(value))


def _json(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    encode = msgspec.json.Encoder(enc_hook=str).encode
    return "".join(json_escaped(encode(dict(zip(names, row, strict=True))).decode()) + "\n" for row in rows)


def _csv(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(plain, names))
    writer.writerows([plain(value) if isinstance(value, str) else value for value in row] for row in rows)
    return text.getvalue()


FORMS = {"table": _table, "json": _json, "csv": _csv}
