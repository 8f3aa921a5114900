"""Look-ups of many requests at once in the request log, in ClickHouse.

A query for thousands of ids costs little more than one for a few: both read the column of ids, and the index skips most
of it only for very few ids. A server that is down is asked again until the deadline; faults that a person must mend (no
such table, no right) are raised at once.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.address import Address
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import Blame, ClickHouseError, RefusedError, UnreachableError, blame, brief
from operators.ingest.answers import COLUMNS, Answer, answers_by_id

ANSWER_TIMEOUT_S = 10
AGAIN_S = 1.0  # After a query without an answer.
QUERY_BYTES_MAX = 16 << 20  # Room for IDS_MAX ids of the longest kind; the server allows 256 KiB by default.


_QUERY = f"SELECT {', '.join(COLUMNS)} FROM request WHERE request_id IN %(ids)s"  # noqa: S608  # No text from outside.


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a query: the number of ids, how many seconds it took, and its `fault` in words, if any."""

    ids: int
    seconds: float
    fault: str | None = None


class RequestLookup:
    """Asks the store at `url`; `observe` is called after each query. To be closed by the caller."""

    def __init__(
        self,
        url: str,
        deadline_s: float,
        observe: Callable[[Lookup], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._deadline_s, self._observe, self._clock = url, deadline_s, observe, clock
        self._client: Client | None = None
        self._failed_since: float | None = None
        self._not_before = float("-inf")

    def __call__(self, ids: Sequence[str]) -> Mapping[str, Sequence[Answer]] | None:
        """Return the answers to each request by its id, or None while there is no answer.

        RefusedError: a person must change something. UnreachableError: no answer by the deadline.
        """
        began = self._clock()
        if began < self._not_before:
            return None
        try:
            answers = self._ask(ids)
        except (DriverError, ClickHouseError) as error:
            self._failed(error, len(ids), self._clock() - began)
            return None
        self._failed_since = None
        self._observe(Lookup(ids=len(ids), seconds=self._clock() - began))
        return answers_by_id(answers)

    def _ask(self, ids: Sequence[str]) -> list[Answer]:
        if self._client is None:
            self._client = open_clickhouse(self._url, answer_timeout_s=ANSWER_TIMEOUT_S)
        result = self._client.query(
            _QUERY,
            parameters={"ids": tuple(ids)},
            settings={"max_query_size": QUERY_BYTES_MAX},
            column_formats={"ts": "int"},
        )
        return [Answer(*row) for row in result.result_rows]

    def _failed(self, error: Exception, ids: int, seconds: float) -> None:
        where = str(Address.parse(self._url))
        if isinstance(error, RefusedError):
            raise error
        if isinstance(error, DriverError) and blame(error) is not Blame.SERVICE:
            raise RefusedError(where, brief(error), getattr(error, "code", None)) from error
        now = self._clock()
        self._failed_since = now if self._failed_since is None else self._failed_since
        if now - self._failed_since > self._deadline_s:
            raise UnreachableError(where, brief(error)) from error
        self._not_before = now + AGAIN_S
        self._observe(Lookup(ids=ids, seconds=seconds, fault=brief(error)))
        self.close()

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
