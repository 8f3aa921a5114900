"""Tables that a command reads and extends over one connection: times are Unix ms, rows are dicts."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import brief
from operators.connectors.clickhouse.inserter import Inserter, Retry
from operators.connectors.clickhouse.query import QueryRefused
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Rows

Row = dict[str, Any]
RETRY = Retry(deadline_s=20.0)  # A person waits for the answer.
QUERY_BYTES_MAX = 16 << 20  # Room for the ids of IDS_MAX requests; the server allows 256 KiB by default.


class Tables:
    """The tables at `url`, open within its `with` block. ClickHouseError where they cannot be reached."""

    def __init__(self, url: str) -> None:
        self._client = open_clickhouse(url)

    def __enter__(self) -> "Tables":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def ask(self, query: str, **params: object) -> list[Row]:
        """Return the rows of an answer. QueryRefused."""
        try:
            answer = self._client.query(
                query,
                parameters=params,
                settings={"max_query_size": QUERY_BYTES_MAX},
                query_formats={"DateTime64*": "int"},
            )
        except DriverError as error:
            raise QueryRefused(brief(error)) from error
        return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]

    def add(self, table: str, rows: Sequence[Row]) -> None:
        """Store rows, all or none of a block. QueryRefused, InsertError."""
        if not rows:
            return
        inserter = Inserter(cast(Any, self._client), _refuse, retry=RETRY)
        inserter.add(Rows(table=table, columns={name: [row[name] for row in rows] for name in rows[0]}))
        inserter.flush()


def _refuse(poison: Poison) -> None:
    raise QueryRefused(f"a row of {poison.table} is refused: {poison.error}")
