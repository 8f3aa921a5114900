"""The queries that a profile is made from (`../infra/clickhouse/reference/`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from flows import settings
from operators.connectors.clickhouse.query import ask

Query = Literal["fields", "measures", "requests", "users", "windows"]


def asked(url: str, query: Query, params: Mapping[str, str]) -> Sequence[Sequence[Any]]:
    """Return the rows of the answer. ClickHouseError."""
    path = settings.migrations() / "reference" / f"{query}.sql"
    _, rows = ask(url, path.read_text("utf-8"), params)
    return rows
