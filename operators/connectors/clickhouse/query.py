"""One question to ClickHouse and its answer, as people ask them from the command line."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import ClickHouseError, brief


class QueryRefused(ClickHouseError):
    """ClickHouse does not understand the query, or may not run it."""


def ask(url: str, query: str, params: Mapping[str, str]) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return the column names and rows of the answer; `params` fill {name:Type} in the query."""
    client = open_clickhouse(url)
    try:
        result = client.query(query, parameters={name: _value(text) for name, text in params.items()})
    except DriverError as error:
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()
    return result.column_names, result.result_rows


def _value(text: str) -> object:
    """The driver writes an array from a list, and quotes the quotes of a text: ['a'] must come as a list."""
    if not text.startswith("["):
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise QueryRefused(f"{text} is no list such as ['region', 'segment']") from error
