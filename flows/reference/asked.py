"""The queries that a profile is made from (`../infra/clickhouse/reference/`)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from flows import settings
from operators.connectors.clickhouse.query import ask

CHOSEN = "chosen_windows"  # What the queries on windows choose from.
Query = Literal["fields", "measures", "requests", "users", "windows"]


def asked(url: str, query: Query, params: Mapping[str, str]) -> Sequence[Sequence[Any]]:
    """Return the rows of the answer. ClickHouseError."""
    names = [CHOSEN, query] if query in ("fields", "windows") else [query]
    folder = settings.migrations() / "reference"
    _, rows = ask(url, "".join((folder / f"{name}.sql").read_text("utf-8") for name in names), params)
    return rows
