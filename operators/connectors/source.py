"""The Bytewax source of the monitor: one partition per input, each decoding and summarising its own messages.

Every batch goes out as one item per shard, so that time moves on everywhere at once; feedback and dead letters
go out as rows. A partition far ahead of the slowest waits, so that open panes stay few.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
from backports.zstd import ZstdError
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from operators.connectors.stop import Stop
from operators.guard import shard_key
from operators.ingest.columns import Stream
from operators.ingest.item_rows import dead_letter_rows, feedback_rows
from operators.ingest.partition import Batch, Partition, TooManyRejects
from operators.policy import Policy
from operators.rows import Rows
from operators.window.panes import ShardInput
from operators.window.watermark import NEVER

AHEAD_MS_MAX = 60_000  # Event time that a partition may be ahead of the slowest before it waits.
WAIT = timedelta(milliseconds=2)

Item = tuple[str, ShardInput | Rows]


class Reader(Protocol):
    """Reads the messages of one input in order."""

    def read(self) -> Sequence[bytes] | None:
        """Return some next messages, none at the moment as an empty list, or None at the end."""

    @property
    def position(self) -> int:
        """The position of the next message."""

    def close(self) -> None: ...


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """An input: its name, what it carries, and how to open it."""

    name: str
    stream: Stream
    open: Callable[[], Reader]


Observe = Callable[[str, Batch], None]  # Told the input's name and each batch that was taken.
EpochEnded = Callable[[str, float], None]  # Told the input's name and how many seconds its epoch lasted.


class MonitorSource(FixedPartitionedSource[Item, None]):
    """(shard key, ShardInput) and (input name, Rows) out. `started_ms` bounds the timestamps that are believed."""

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        started_ms: int,
        stop: Stop,
        observe: Observe,
        epoch_ended: EpochEnded = lambda name, seconds: None,
    ) -> None:
        self._epoch_ended = epoch_ended
        self._inputs = {each.name: each for each in inputs}
        self._policy = policy
        self._started_ms = started_ms
        self._stop = stop
        self._observe = observe
        self._newest = dict.fromkeys(self._inputs, NEVER)

    def list_parts(self) -> list[str]:
        return list(self._inputs)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> "_Part":
        each = self._inputs[for_part]
        partition = Partition(each.name, each.stream, tuple(self._inputs), self._policy)
        return _Part(each, partition, self._newest, self._started_ms, self._stop, self._observe, self._epoch_ended)


class _Part(StatefulSourcePartition[Item, None]):
    def __init__(
        self,
        each: Input,
        partition: Partition,
        newest: dict[str, int],
        started_ms: int,
        stop: Stop,
        observe: Observe,
        epoch_ended: EpochEnded,
    ) -> None:
        self._epoch_ended = epoch_ended
        self._epoch_began = time.monotonic()
        self._open = each.open
        self._reader: Reader | None = None
        self._partition = partition
        self._newest = newest  # Of every partition of this process that is still read, shared by them.
        self._started_ms = started_ms
        self._stop = stop
        self._observe = observe
        self._wait = False

    def next_batch(self) -> list[Item]:
        source = self._partition.source
        if self._stop.requested or source not in self._newest:
            raise StopIteration
        self._wait = self._newest[source] > min(self._newest.values()) + AHEAD_MS_MAX
        if self._wait:
            return []
        try:
            return self._read(source)
        except (OSError, EOFError, ZstdError, TooManyRejects) as error:
            self._stop.fail(error)
            return []

    def _read(self, source: str) -> list[Item]:
        if self._reader is None:
            self._reader = self._open()
        first = self._reader.position
        messages = self._reader.read()
        if messages is None:
            del self._newest[source]
            return [(shard_key(shard), item) for shard, item in self._partition.end()]
        if not messages:
            return []
        batch = self._partition.take(messages, first, self._started_ms)
        self._newest[source] = self._partition.state.newest
        self._observe(source, batch)
        return self._items(batch)

    def _items(self, batch: Batch) -> list[Item]:
        items: list[Item] = [(shard_key(shard), item) for shard, item in batch.inputs]
        source, policy = self._partition.source, self._partition.policy
        if batch.feedback:
            items.append((source, feedback_rows(batch.feedback, policy)))
        if batch.rejects:
            items.append((source, dead_letter_rows(batch.rejects, source, policy)))
        return items

    def next_awake(self) -> datetime | None:
        return datetime.now(UTC) + WAIT if self._wait else None

    def snapshot(self) -> None:
        """Nothing to save: a bounded run has no recovery store. The engine calls this when an epoch ends."""
        now = time.monotonic()
        self._epoch_ended(self._partition.source, now - self._epoch_began)
        self._epoch_began = now

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
