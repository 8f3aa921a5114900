"""One question to ClickHouse and its answer, as people ask them from the command line."""

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse import open_client
from operators.connectors.clickhouse_errors import ClickHouseError, brief


class QueryRefused(ClickHouseError):
    """ClickHouse does not understand the query, or may not run it."""


def ask(url: str, query: str, params: Mapping[str, str]) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return the column names and rows of the answer; `params` fill {name:Type} in the query."""
    client = open_client(url)
    try:
        result = client.query(query, parameters=dict(params))
    except DriverError as error:
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()
    return result.column_names, result.result_rows
