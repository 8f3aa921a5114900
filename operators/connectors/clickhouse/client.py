"""ClickHouse, embedded or served, as a place to query and as a sink of the dataflow.

All times are UTC on the way in and out, whatever the zone of the host.

The embedded engine: one process per folder and one folder per process at a time; a process forked after it
was first used hangs (start processes with spawn). Each insert goes through a file in TMPDIR, best a memory
file system, and kill -9 leaves behind the file of the insert under way, of about `blocks.BLOCK_BYTES`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any, cast

import clickhouse_connect
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.address import Address
from operators.connectors.clickhouse.errors import (
    SETUP_CODES,
    ClickHouseError,
    EmbeddedError,
    RefusedError,
    UnreachableError,
    brief,
)
from operators.connectors.clickhouse.inserter import Inserter, Retry, Stats
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Rows

# Longer than any insert should take; after it the rows are sent again, under the same token.
ANSWER_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 5
SIZE_MAX = 64 << 20  # [bytes] Large rows kept until the end of an epoch.

# Otherwise times without a zone, above all in parameters, would be read in the zone of the host.
_SETTINGS = {"session_timezone": "UTC"}


def open_clickhouse(url: str, *, answer_timeout_s: int = ANSWER_TIMEOUT_S) -> Client:
    """Return a client of the database, to be closed by the caller, or raise one of `clickhouse_errors`.

    The database is created in the embedded engine; on a server `migrate` creates it.
    """
    address = Address.parse(url)
    if address.path is None:
        return connect(address, address.database, answer_timeout_s)
    client = connect(address, None)
    try:
        client.command(f"CREATE DATABASE IF NOT EXISTS {address.database}")
    except BaseException:
        client.close()
        raise
    client.database = address.database  # Another client would fetch 1,500 settings again, 50 ms.
    return client


@contextmanager
def held(url: str) -> Iterator[None]:
    """Keep an embedded engine open, so that no other process can take its folder between two uses. EmbeddedError.

    For a server there is nothing to hold.
    """
    if Address.parse(url).path is None:
        yield
        return
    client = open_clickhouse(url)
    try:
        yield
    finally:
        client.close()


def connect(address: Address, database: str | None, answer_timeout_s: int = ANSWER_TIMEOUT_S) -> Client:
    """Return a client of an existing database, or of none in particular."""
    if address.path is not None:
        client = _connect_embedded(address.path, database)
    else:
        client = _connect_server(address, database, answer_timeout_s)
    # The driver asked for the zone before the session had ours, and would write times in parameters in that zone.
    client.server_tz = UTC
    return client


def _connect_server(address: Address, database: str | None, answer_timeout_s: int) -> Client:
    try:
        return clickhouse_connect.get_client(
            interface=address.interface,
            host=address.host,
            port=address.port,
            username=address.username,
            password=address.password,
            database=database,
            settings=_SETTINGS,
            # A session would forbid two queries at a time.
            autogenerate_session_id=False,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=answer_timeout_s,
        )
    except DriverError as error:
        raise _explain(error, address, database) from error


def _connect_embedded(path: str, database: str | None) -> Client:
    if "?" in path:
        raise EmbeddedError(path, "the engine takes what follows ? for options; choose another name")
    try:
        return clickhouse_connect.get_client(interface="chdb", path=path, database=database, settings=_SETTINGS)
    except ImportError as error:
        raise EmbeddedError(path, "chdb is missing; install rollguard[embedded]") from error
    except DriverError as error:
        raise EmbeddedError(path, _why_closed(str(error))) from error


def _why_closed(text: str) -> str:
    """Return the reason; the engine gives an empty one where another process holds the lock of the folder."""
    if "EmbeddedServer: ." in text:
        return "another process uses it, and only one can at a time"
    if "already initialized" in text:
        return "this process has another folder open, and can have only one at a time"
    return text.rpartition("DB::Exception: ")[2].partition(", Stack trace")[0].splitlines()[0]


def _explain(error: DriverError, address: Address, database: str | None) -> ClickHouseError:
    code = getattr(error, "code", None)
    hints = {516: "wrong user or password", 81: f"no database {database}; run `rollguard migrate` first"}
    if code in SETUP_CODES:
        return RefusedError(str(address), hints.get(code) or brief(error), code)
    return UnreachableError(str(address), brief(error))


class ClickHouseSink(FixedPartitionedSink[Rows, None]):
    """`(key, Rows)` in; stored when the epoch closes, or the dataflow stops before the epoch counts as done.

    Each of `parts` is written by one worker, and those of one process share a connection and an inserter, so that an
    epoch is one block per table. `reject` gets the rows that cannot be stored, `observe` what was done. `fail`, if
    given, gets a failed flush instead of the engine: for a bounded run, which ends in order and has no epoch to
    protect.
    """

    def __init__(
        self,
        url: str,
        reject: Callable[[Poison], None],
        *,
        parts: Sequence[str] = ("0",),
        retry: Retry | None = None,
        observe: Callable[[Stats], None] = lambda _: None,
        fail: Callable[[Exception], None] | None = None,
    ) -> None:
        self._fail = fail
        self._url = url
        self._reject = reject
        self._parts = list(parts)
        self._retry = retry
        self._observe = observe
        self._open: list[_Partition] = []

    def list_parts(self) -> list[str]:
        return self._parts

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Partition":
        if self._open:
            client, inserter = self._open[0].client, self._open[0].inserter
        else:
            client = open_clickhouse(self._url)
            inserter = Inserter(cast(Any, client), self._reject, retry=self._retry, observe=self._observe)
        self._open.append(_Partition(client, inserter, self._open, self._fail))
        return self._open[-1]


class _Partition(StatefulSinkPartition[Rows, None]):
    def __init__(
        self,
        client: Client,
        inserter: Inserter,
        together: "list[_Partition]",
        fail: Callable[[Exception], None] | None,
    ) -> None:
        self.client = client
        self.inserter = inserter
        self._together = together
        self._fail = fail

    def write_batch(self, values: list[Rows]) -> None:
        for rows in values:
            self.inserter.add(rows)
            # Even before the epoch ends: rows that come again after a crash replace themselves.
            if self.inserter.size > SIZE_MAX:
                self._flush()

    def snapshot(self) -> None:
        self._flush()

    def _flush(self) -> None:
        try:
            # All rows of the epoch are here by now, even those of the other parts: the first flush stores all.
            self.inserter.flush()
        except (ClickHouseError, OSError) as error:
            if self._fail is None:
                raise
            self._fail(error)

    def close(self) -> None:
        # Never a flush: this also runs while a crash unwinds, and then these rows' epoch does not count.
        self._together.remove(self)
        if not self._together:
            self.client.close()
