"""The answer to a query as lines of JSON in a file, streamed, whatever its size."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any, cast

from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import brief
from operators.connectors.clickhouse.query import QueryRefused

ANSWER_TIMEOUT_S = 600  # Enough for a month's requests, sorted.
SETTINGS = {"output_format_json_quote_64bit_integers": 0, "output_format_json_quote_denormals": 0}
BLOCK_BYTES = 1 << 20


def write_lines(url: str, query: str, params: Mapping[str, Any], path: Path) -> None:
    """Write an object for each row of the answer. ClickHouseError; OSError where the file cannot be written."""
    client = open_clickhouse(url, answer_timeout_s=ANSWER_TIMEOUT_S)
    try:
        stream = client.raw_stream(query, parameters=dict(params), settings=SETTINGS, fmt="JSONEachRow")
        with stream, path.open("wb") as file:
            copyfileobj(cast(IO[bytes], stream), file, BLOCK_BYTES)
    except DriverError as error:
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()
