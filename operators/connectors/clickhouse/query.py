"""One question to ClickHouse and its answer, as people ask them from the command line."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import ClickHouseError, brief


class QueryRefused(ClickHouseError):
    """ClickHouse does not understand the query, or may not run it."""


READ_ONLY = {"readonly": 2}  # Nothing may change except settings of this query.
NOT_ALLOWED = 164  # ClickHouse's error code for writing where only reading is allowed.


def ask(
    url: str, query: str, params: Mapping[str, str], *, texts: Mapping[str, str] | None = None, write: bool = False
) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """Return the column names and rows of the answer; `params` fill {name:Type} in the query, and so do `texts`.

    A param such as ['a', 'b'] is a list; each of `texts` is taken literally, whatever it looks like.

    Unless it may `write`, a query that would change anything is refused by ClickHouse.
    """
    client = open_clickhouse(url)
    try:
        given = {name: _value(text) for name, text in params.items()} | dict(texts or {})
        result = client.query(query, parameters=given, settings={} if write else _reading(client))
    except DriverError as error:
        if not write and getattr(error, "code", None) == NOT_ALLOWED:
            raise QueryRefused("the query would change something, and only --write lets it") from error
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()
    return result.column_names, result.result_rows


def _reading(client: Client) -> dict[str, int]:
    """Return the settings of a query that only reads; none for a user who may only read, and so cannot change any."""
    known = client.server_settings.get("readonly")
    return READ_ONLY if known is None or known.value == "0" else {}


def _value(text: str) -> object:
    """Return a param as the driver needs it: it escapes the quotes of a text, so ['a'] must be passed as a list."""
    if not text.startswith("["):
        return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        raise QueryRefused(f"{text} is no list such as ['region', 'segment']") from error
