"""The Bytewax source of the monitor: one partition per input, each decoding and summarising its own messages.

Every batch goes out as one item per shard, so that time advances everywhere at once; feedback and dead letters
go out as rows. A partition far ahead of those that lag waits, so that open panes stay few. Saved per partition are the
position of its next message and how far its event time has come, as of the last whole batch.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from operators.connectors.reader import BoundedReader, Reader, leader_epoch_of
from operators.connectors.stop import Stop
from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.ingest.placing import renumbered
from operators.ingest.position import SavedInput
from operators.policy.policy import Policy
from operators.recovery import columns_of, dumps, loads, shard_key
from operators.rows.items import dead_letter_rows, feedback_rows
from operators.sources.batch_span import BatchSpan
from operators.sources.input import Input, InputWatch
from operators.sources.polling import STALL_S, Polling
from operators.sources.recall import recall
from operators.sources.source import InputPart, InputSource
from operators.store.rows import Rows
from operators.window.fence import NOWHERE, Span
from operators.window.pane_items import ShardInput
from operators.window.pane_lengths import PaneLengths

STALLS_MAX = 2  # Stalls in a row after which a partition that was always empty is left out anyway.
AHEAD_MS_MAX = 60_000  # Event time that a partition may be ahead of the slowest before it waits.

Item = tuple[str, ShardInput | Rows]


class MonitorSource(InputSource[Item]):
    """(shard key, ShardInput) and (input name, Rows) out."""

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        stop: Stop,
        watch: InputWatch,
        recover: bool = False,
        epoch_s: float = 0.0,
        polling: Polling | None = None,
    ) -> None:
        super().__init__(inputs, policy, stop=stop, watch=watch, recover=recover, epoch_s=epoch_s, polling=polling)
        # The newest event time of each lagging partition of this process: the others do not run ahead of it.
        self.lagging: dict[str, int] = {}
        self.leading: dict[str, bool] = {}  # Which partitions set the time.
        self.parts: list[_Part] = []

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> "_Part":
        saved, had = loads(resume_state, SavedInput, self.policy), columns_of(resume_state, self.policy)
        if saved is not None and had is not None and had.pane_ms:
            state = renumbered(saved.state, PaneLengths(had.pane_ms, self.policy.pane_ms))
            saved = msgspec.structs.replace(saved, state=state)
        self.parts.append(_Part(self, self.inputs[for_part], saved))
        return self.parts[-1]

    def after_stall(self) -> list[Item]:
        """Wait again for all partitions that were left out, if this process has just stalled."""
        return [item for part in self.parts for item in part.wake()] if self.polling.begin() else []


class _Part(InputPart[Item, SavedInput]):
    _source: MonitorSource

    def __init__(self, source: MonitorSource, each: Input, saved: SavedInput | None) -> None:
        super().__init__(source, each, saved)
        self._partition = Partition(
            each.name,
            each.stream,
            tuple(source.inputs),
            source.policy,
            each.credentials,
            each.pseudonyms,
            each.requests,
            each.form,
        )
        if saved is not None:
            self._partition.state = saved.state
        source.lagging[each.name] = self._partition.state.newest
        self._position = NOWHERE if saved is None else saved.position
        self._recall = recall(self._partition, each.open, self._position, partial(source.watch.forgot, each.name))
        self._span = BatchSpan(source.policy.pane_ms)
        self._rechecked = self._woken = False
        self._stalls = 0  # Stalls since it had messages, or was left out.
        self._idle = saved is not None and saved.idle
        self._polled = source.polling.clock()
        # A partition that was left out as silent is only waited for until it proves silent still.
        self._silence_s = (each.idle_s or 0.0) if self._idle else 0.0

    def _before(self) -> list[Item]:
        return self._source.after_stall()

    def _work(self) -> list[Item]:
        lagging, name = self._source.lagging, self._input.name
        newest = self._partition.state.newest
        if self._source.polling.held or newest > min(lagging.values(), default=newest) + AHEAD_MS_MAX:
            return []
        if self._reader is None:
            for _ in self._recall:  # One read at a time.
                return []
        reader = self._opened()
        if isinstance(reader, BoundedReader):
            reader.messages_max = self._span.messages_max
        messages = reader.read()
        woken = self._source.after_stall()  # The process may have stalled in the middle of a read.
        if messages is None:
            self._ended = True
            lagging.pop(name, None)
            return woken + self._to_shards(self._partition.end(), self._position)
        if reader.at_end:
            lagging.pop(name, None)
        if len(messages):
            items, spoke = self._take(messages, reader)
            return woken + (items if spoke or not self._near_end(len(messages)) else items + self._silent())
        if reader.at_end:
            return woken + self._silent()
        self._polled = self._source.polling.clock()
        # Whether anything is left to read is no longer known.
        return woken + (self.wake() if self._idle else [])

    def _near_end(self, read: int) -> bool:
        """Tell if no more is unread than was just read: while refused messages keep coming, the end is never seen."""
        lag: int | None = getattr(self._reader, "lag", None)
        return (self._reader is not None and self._reader.at_end) or (lag is not None and lag <= read)

    def _take(self, messages: Messages, reader: Reader) -> tuple[list[Item], bool]:
        """Return the items to send on for the next messages, and whether any message was accepted."""
        batch = self._partition.take(messages)
        self._span.took(len(messages), self._partition.state.newest)
        self._note(batch, len(messages), reader)
        if self._source.recover:
            self._save(reader)
        self._source.watch.batch(self._input.name, batch)
        items = self._to_shards(batch.inputs, reader.position)
        name, policy = self._input.name, self._source.policy
        if batch.feedback:
            items.append((name, feedback_rows(batch.feedback, policy)))
        if batch.rejects:
            items.append((name, dead_letter_rows(batch.rejects, name, policy, self._input.pseudonyms)))
        return items, batch.items > 0

    def _note(self, batch: Batch, read: int, reader: Reader) -> None:
        """Note how far the partition is behind the others, and that it is not silent."""
        if batch.items:
            self._idle = self._rechecked = self._woken = False
            self._stalls = 0
            self._polled, self._silence_s = self._source.polling.clock(), 0.0
        # Otherwise it stays silent: refused items tell no time, and their producer would hold everybody up.
        self._source.leading[self._input.name] = self._partition.leads
        if self._partition.behind and any(self._source.leading.values()):
            self._source.lagging.pop(self._input.name, None)  # It is too far behind to be waited for.
        elif batch.items and not reader.at_end:
            self._source.lagging[self._input.name] = self._partition.state.newest
        elif self._near_end(read):
            # While refused messages keep coming, the others would wait for an end that is never seen.
            self._source.lagging.pop(self._input.name, None)

    def _save(self, reader: Reader) -> None:
        self._saved = SavedInput(
            position=reader.position,
            state=msgspec.structs.replace(self._partition.state),
            log_id=self._input.log_id,
            idle=self._idle,
            leader_epoch=leader_epoch_of(reader),
        )

    def _to_shards(self, inputs: Sequence[tuple[int, ShardInput]], position: int) -> list[Item]:
        """Return the items for the shards from the messages before `position`."""
        span = Span(start=self._position, stop=position)
        self._position = position
        items: list[Item] = []
        for shard, item in inputs:
            mark = msgspec.structs.replace(item.mark, idle=self._idle)
            items.append((shard_key(shard), msgspec.structs.replace(item, span=span, mark=mark)))
        return items

    def _silent(self) -> list[Item]:
        """Report once that this partition need not be waited for, when it has been silent for long enough.

        Only time in which it was polled and empty counts.
        """
        idle_s, reader = self._input.idle_s, self._reader
        now = self._source.polling.clock()
        since, self._polled = now - self._polled, now
        if self._idle or idle_s is None or reader is None:
            return []
        self._silence_s += min(since, STALL_S)
        if self._silence_s < idle_s:
            return []
        if not self._rechecked:  # A broker that is down is silent, too.
            self._rechecked = True
            reader.recheck()
            return []
        self._leave_out(idle=True)
        if not self._woken:
            self._source.watch.idle(self._input.name)
        return self._to_shards(self._partition.rest(), self._position)

    def wake(self) -> list[Item]:
        """Wait for this partition again, if it was left out, until it has once more proved silent.

        Used when messages sent in the meantime could not have been read.
        """
        self._polled = self._source.polling.clock()
        self._stalls += 1
        # A slow worker stalls in every round: then the answer from before the last stall must do, or no partition
        # would ever be left out, and no pane would close.
        if self._stalls <= STALLS_MAX:
            self._rechecked = False
        if not self._idle:
            return []
        self._leave_out(idle=False)
        self._source.lagging[self._input.name] = self._partition.state.newest
        if self._reader is not None and self._reader.at_end:
            self._reader.recheck()
        self._rechecked = self._woken = True
        return self._to_shards(self._partition.wake(), self._position)

    def _leave_out(self, *, idle: bool) -> None:
        self._idle = idle
        self._stalls = 0 if idle else self._stalls
        if self._saved is not None:
            self._saved = msgspec.structs.replace(self._saved, idle=idle)

    def _packed(self) -> bytes | None:
        return dumps(self._saved, self._source.policy)

    def close(self) -> None:
        self._recall.close()
        super().close()
