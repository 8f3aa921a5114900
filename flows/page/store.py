"""The page's queries to the store: one file of infra/clickhouse/page each, run read-only and within limits."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from flows import settings
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import ClickHouseError, brief

Row = dict[str, Any]
# One thread each: queries are small, and splitting one costs more than it saves.
LIMITS = {"max_execution_time": 5, "max_result_rows": 20_000, "max_memory_usage": 1 << 30, "max_threads": 1}
ANSWER_S = 10
EPOCH, MS = datetime(1970, 1, 1), timedelta(milliseconds=1)  # noqa: DTZ001  # As the driver gives times.


class NoAnswer(Exception):
    """The store does not answer: it is missing, has no tables yet, or takes too long."""


class Store:
    """One connection, used by one thread at a time; made when first needed, and again after a failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._client: Client | None = None

    def ask(self, name: str, **params: object) -> list[Row]:
        """Return the rows of a query's answer; times are Unix ms. NoAnswer."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = open_clickhouse(self._url, answer_timeout_s=ANSWER_S)
                answer = self._client.query(_text(name), parameters=params, settings=LIMITS)
            except ClickHouseError as error:
                raise NoAnswer(str(error)) from error
            except DriverError as error:
                raise NoAnswer(brief(error)) from error
            except Exception as error:  # On bytes that are no answer, the driver raises whatever its decoders raise.
                self._drop()
                raise NoAnswer(f"what it answers cannot be read: {brief(error)}") from error
        columns = []
        for type_, column in zip(answer.column_types, answer.result_columns, strict=True):
            plain = _PLAIN.get(_kind(type_.name))
            columns.append(column if plain is None else [plain(value) for value in column])
        names = answer.column_names
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def file_of(name: str) -> Path:
    """Return the file of a query: one of the page's, or one of those for people."""
    own = settings.migrations() / "page" / f"{name}.sql"
    return own if own.exists() else settings.migrations() / "queries" / f"{name}.sql"


@cache
def _text(name: str) -> str:
    """Return a query without its comments, which the driver would scan each time."""
    lines = map(str.strip, file_of(name).read_text("utf-8").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("--"))


def moment(ms: int) -> str:
    """Return a time as a parameter: UTC, to the millisecond.

    >>> moment(1_760_000_000_123)
    '2025-10-09 08:53:20.123'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{ms % 1000:03d}"


@cache
def _kind(name: str) -> str:
    """Return the name of a type without its wrappers and parameters.

    >>> _kind("Nullable(DateTime64(3, 'UTC'))"), _kind("Array(String)"), _kind("LowCardinality(Nullable(String))")
    ('DateTime64', 'Array', 'String')
    """
    while name.startswith(("Nullable(", "LowCardinality(")):
        name = name.partition("(")[2]
    return name.partition("(")[0].rstrip(")")


def _ms(value: datetime | None) -> int | None:
    """Return a time from the driver, which is UTC without a zone, as Unix ms."""
    return None if value is None else (value - EPOCH) // MS


def _number(value: float | None) -> float | None:
    return value if value == value else None  # noqa: PLR0124  # NaN is no number.


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "DateTime": _ms,
    "DateTime64": _ms,
    "Float64": _number,
    "Float32": _number,
    "Array": list,
}
