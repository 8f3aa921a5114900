"""Rows into ClickHouse, effectively once, whatever fails on the way.

Every block of rows is serialised once and sent, as often as it takes, as the same bytes under the same
token, a hash of them. So a block that the server had stored before its answer was lost is not stored again.
(Without a token the driver itself doubles rows: it silently re-sends an insert whose connection broke.)
Rows that come again in other blocks, after a restart, replace themselves through their version.

An error that seems to be a row's may be the server's. So a row is refused only if the server takes other rows of its
table before and after, and refuses it again later; otherwise all is sent again, as after any fault of the service.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import msgspec
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.arrow import check_rows, part, to_arrow
from operators.connectors.clickhouse.blocks import REJECTS_MAX, blocks, isolate, serialise, sift
from operators.connectors.clickhouse.errors import Blame, InsertError, blame, brief
from operators.connectors.clickhouse.heap import return_memory
from operators.connectors.clickhouse.refused import Poison
from operators.store.joined import joined_rows
from operators.store.rows import Rows

log = logging.getLogger(__name__)

# Without the server's own batching the answer says whether these rows are stored. A replay of many years may
# cross more than the usual 100 monthly partitions in one block.
SETTINGS = {
    "async_insert": 0,
    "max_partitions_per_insert_block": 0,
    # A block is merged with others later anyway: merging it by itself first cost twice as much as storing it.
    "optimize_on_insert": 0,
    # A block is read and written as one piece: more threads have nothing to do, and cost a sixth of a small insert.
    "max_threads": 1,
}

ROWS_TOGETHER = 200_000  # Rows of a table converted at once, or a few more.
ROWS_GIVEN_BACK = 100_000  # After so many rows their memory is returned to the system.
AGAIN_S = 2.0  # The wait before a row is tried once more and then refused.


class Client(Protocol):
    """The part of the driver's client that is used here."""

    def raw_insert(
        self, table: str, column_names: list[str], insert_block: bytes, settings: dict[str, Any], fmt: str
    ) -> object: ...


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Wait a random share of `wait_s * 2**attempts`, at most of `wait_s_max`, until `deadline_s` of a flush.

    The deadline must stay below the time after which a stalled worker is taken for dead.
    """

    wait_s: float = 0.2
    wait_s_max: float = 10.0
    deadline_s: float = 120.0

    def __post_init__(self) -> None:
        if not (0 < self.wait_s <= self.wait_s_max and self.deadline_s > 0):
            raise ValueError(f"need 0 < wait_s <= wait_s_max and deadline_s > 0, got {self!r}")


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What one step did: reported after each attempt and each rejected row, to be added up."""

    table: str
    attempts: int = 0
    rows: int = 0
    rejected: int = 0


def _together(pending: Sequence[Rows]) -> int:
    """Return how many of the first are converted together: all of an epoch would take the memory twice."""
    rows = np.cumsum([len(each) for each in pending])
    return int(np.searchsorted(rows, ROWS_TOGETHER)) + 1


class Inserter:
    """Keeps rows until `flush`, which returns when all are stored or rejected, or raises InsertError.

    `reject` is called with each poison row, and again with the same one if the flush is repeated.
    """

    def __init__(
        self,
        client: Client,
        reject: Callable[[Poison], None],
        *,
        retry: Retry | None = None,
        observe: Callable[[Stats], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._reject = reject
        self._retry = Retry() if retry is None else retry
        self._observe = observe
        self._sleep = sleep
        self._clock = clock
        self._rand = rand
        self._pending: dict[str, list[Rows]] = {}
        self._converted: dict[str, list[pa.Table]] = {}  # The converted large rows.
        self.size = 0  # Their size in bytes.
        self._sent = 0  # Rows since memory was last returned.
        self._taken: dict[str, tuple[list[str], bytes]] = {}  # By table, a row that the server took, and its columns.

    def add(self, rows: Rows) -> None:
        """Add rows; ValueError if the columns are not the table's. Large rows are converted at once, to be smaller."""
        check_rows(rows)
        if len(rows) and rows.large:
            pieces = self._convert(rows)
            self._converted.setdefault(rows.table, []).extend(pieces)
            self.size += sum(piece.get_total_buffer_size() for piece in pieces)
        elif len(rows):
            self._pending.setdefault(rows.table, []).append(rows)

    def flush(self) -> None:
        deadline = self._clock() + self._retry.deadline_s
        while self._pending:
            table, pending = next(iter(self._pending.items()))
            some = _together(pending)
            pieces = [piece for rows in joined_rows(pending[:some]) for piece in self._convert(rows)]
            for block in blocks(pa.concat_tables(pieces)) if pieces else ():
                self._store(table, block, deadline)
            # Only now: after an exception a repeated flush must send the same blocks again.
            del pending[:some]
            if not pending:
                del self._pending[table]
            self._sent += sum(piece.num_rows for piece in pieces)
            del pieces
            if self._sent > ROWS_GIVEN_BACK:
                self._sent = 0
                return_memory()
        for table in list(self._converted):
            for block in blocks(pa.concat_tables(self._converted[table])):
                self._store(table, block, deadline)
            del self._converted[table]
        self.size = 0

    def _convert(self, rows: Rows) -> list[pa.Table]:
        """Return `rows` as Arrow tables, without the rows that do not fit."""
        converted: list[pa.Table] = []

        def attempt(start: int, stop: int) -> str | None:
            try:
                converted.append(to_arrow(part(rows, start, stop)))
            except ValueError as error:
                return str(error)
            return None

        def reject(row: int, error: str) -> None:
            columns = part(rows, row, row + 1).columns
            self._set_aside(rows.table, {name: _only(column) for name, column in columns.items()}, error)

        isolate(len(rows), attempt, reject, rows.table)
        return converted

    def _store(self, table: str, block: pa.Table, deadline: float) -> None:
        """Store a block. InsertError if that fails, or if it remains unclear which rows are bad."""
        spans = [(0, block.num_rows)]
        rounds, refused_before = 0, False
        while True:
            left = sift(
                spans,
                lambda start, stop: self._send(table, block.slice(start, stop - start), deadline),
                lambda: table not in self._taken or self._takes(table),
            )
            if not left:
                return
            single = len(left) <= REJECTS_MAX and all(stop - start == 1 for start, stop, _ in left)
            refused = single and self._takes(table)
            if refused and refused_before:
                for row, _, error in left:
                    one = block.slice(row, 1)
                    self._set_aside(table, one.to_pylist()[0], error, serialise(one))
                return
            rounds += 1
            self._pause(table, left, rounds, AGAIN_S if refused else self._wait(rounds), deadline)
            refused_before = refused
            spans = [(start, stop) for start, stop, _ in left]

    def _pause(self, table: str, left: list[tuple[int, int, str]], rounds: int, wait: float, deadline: float) -> None:
        rows, error = sum(stop - start for start, stop, _ in left), left[0][2]
        if self._clock() + wait > deadline:
            raise InsertError(table, rows, rounds, error)
        log.warning("%d rows for %s not taken, again in %.1f s: %s", rows, table, wait, error)
        self._sleep(wait)

    def _takes(self, table: str) -> bool:
        """Tell whether the server now takes a row of this table that it took before, under the same token."""
        if table not in self._taken:
            return False
        columns, payload = self._taken[table]
        try:
            self._insert(table, columns, payload)
        except DriverError:
            return False
        return True

    def _insert(self, table: str, columns: list[str], payload: bytes) -> None:
        token = f"{table}:{blake2b(payload, digest_size=16).hexdigest()}"
        settings = SETTINGS | {"insert_deduplication_token": token}
        self._client.raw_insert(table, columns, payload, settings, "ArrowStream")

    def _set_aside(self, table: str, row: dict[str, Any], error: str, arrow: bytes = b"") -> None:
        log.warning("a row for %s cannot be stored: %s", table, error)
        self._reject(Poison(table=table, row=json.dumps(row, default=str), error=error, arrow=arrow))
        self._observe(Stats(table=table, rejected=1))

    def _send(self, table: str, block: pa.Table, deadline: float) -> str | None:
        """Store a block; return the error if its rows are to blame, else None. InsertError if it cannot be done."""
        payload = serialise(block)
        attempts = 0
        while True:
            attempts += 1
            try:
                self._insert(table, block.column_names, payload)
            except DriverError as error:
                self._observe(Stats(table=table, attempts=1))
                blamed = blame(error)
                if blamed is Blame.ROWS:
                    return brief(error)
                wait = self._wait(attempts)
                if blamed is Blame.SETUP or self._clock() + wait > deadline:
                    raise InsertError(table, block.num_rows, attempts, brief(error)) from error
                log.warning("insert into %s, attempt %d, again in %.1f s: %s", table, attempts, wait, brief(error))
                self._sleep(wait)
            else:
                self._taken[table] = block.column_names, serialise(block.slice(0, 1))
                self._observe(Stats(table=table, attempts=1, rows=block.num_rows))
                return None

    def _wait(self, attempts: int) -> float:
        # The exponent is capped too, as 2**1024 is not a float.
        longest = min(self._retry.wait_s_max, self._retry.wait_s * 2.0 ** min(attempts, 16))
        return self._rand() * longest


def _only(column: Any) -> Any:
    """Return the one value of a column of one row, as JSON can hold it."""
    if hasattr(column, "codes"):
        code = int(column.codes[0])
        return column.values[code] if 0 <= code < len(column.values) else f"code {code}"
    if hasattr(column, "offsets"):
        return column.flat.tolist() if hasattr(column.flat, "tolist") else list(column.flat)
    return column.tolist()[0] if hasattr(column, "tolist") else column[0]
