"""The Bytewax source of the archive: one partition per input, each making rows of its own messages.

What is saved of a partition is where its next message stands and how far its event time has come. Nothing here waits
for another partition, so none can hold another up.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from operators.archive.log import LogState, RequestLog, Taken
from operators.connectors.reader import Reader, leader_epoch_of
from operators.connectors.stop import Stop
from operators.ingest.leads import Leads
from operators.ingest.progress import Recent
from operators.policy.policy import Policy
from operators.sources.monitor import Input, InputWatch, opened
from operators.sources.pace import Pace, stepped_back
from operators.sources.polling import ALWAYS_DUE, Polling
from operators.store.rows import Rows

Item = tuple[str, Rows]
Observe = Callable[[str, Taken], None]  # Told the input's name and what some messages came to.


class SavedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where in which log a partition goes on after a restart; `times`, `leads`, `appended` are bytes of int64 [ms]."""

    position: int
    leader_epoch: int | None = None
    log_id: str = ""
    newest: int
    times: bytes
    count: int
    dense: bool
    leads: bytes = b""
    appended: bytes = b""
    leads_count: int = 0
    bound: int | None = None

    def state(self) -> LogState:
        leads = Leads(
            last=np.frombuffer(self.leads, np.int64),
            appended=np.frombuffer(self.appended, np.int64),
            count=self.leads_count,
            bound=self.bound,
        )
        recent = Recent(times=np.frombuffer(self.times, np.int64), count=self.count, dense=self.dense, leads=leads)
        return LogState(newest=self.newest, recent=recent)


_decode = msgspec.msgpack.Decoder(SavedPosition).decode


def log_of(saved: bytes) -> str:
    """Return the id of the log that a partition was saved of."""
    return _decode(saved).log_id


class ArchiveSource(FixedPartitionedSource[Item, bytes | None]):
    """(input name, rows) out.

    In a bounded run (`recover` false) nothing is saved, and what goes wrong stops it in order; else it is raised, so
    that the epoch does not commit. `epoch_s` is given where several workers wait for each other. Of `watch` what is
    told of batches is not used: `taken` is.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        stop: Stop,
        watch: InputWatch,
        taken: Observe,
        recover: bool = False,
        epoch_s: float = 0.0,
    ) -> None:
        self.inputs = {each.name: each for each in inputs}
        self.policy, self.stop, self.watch, self.taken = policy, stop, watch, taken
        self.recover = recover
        self.epoch_s = epoch_s
        self.polling = Polling(several=epoch_s > 0)

    def list_parts(self) -> list[str]:
        self.watch.begun()
        return list(self.inputs)

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> "_Part":
        return _Part(self, self.inputs[for_part], None if resume_state is None else _decode(resume_state))


class _Part(StatefulSourcePartition[Item, bytes | None]):
    def __init__(self, source: ArchiveSource, each: Input, saved: SavedPosition | None) -> None:
        self._source, self._input, self._saved = source, each, saved
        state = None if saved is None else saved.state()
        self._log = RequestLog(each.name, source.policy, each.pseudonyms, state, form=each.form)
        self._pace = Pace(source.polling, source.epoch_s)
        self._reader: Reader | None = None
        self._ended = False

    def next_batch(self) -> list[Item]:
        source = self._source
        if self._ended or source.stop.requested or (source.recover and self._stepped_back()):
            raise StopIteration
        try:
            items = self._pace.stretch(self._read, lambda: self._ended)
        except OSError as error:
            if source.recover:
                raise
            source.stop.fail(error)
            return []
        self._pace.rest(worked=bool(items))
        return items

    def _stepped_back(self) -> bool:
        return stepped_back(self._source.polling, self._source.stop, self._source.watch.stepped_back)

    def _read(self) -> list[Item]:
        name = self._input.name
        if self._reader is None:
            self._reader = opened(self._input, self._saved)
            self._source.watch.opened(name, self._reader)
        messages = self._reader.read()
        if messages is None:
            self._ended = True
            return []
        if not len(messages):
            return []
        taken = self._log.take(messages)
        self._source.taken(name, taken)
        if self._source.recover:
            self._save(self._reader)
        return [(name, rows) for rows in taken.rows]

    def _save(self, reader: Reader) -> None:
        state = self._log.state
        leads = state.recent.leads
        self._saved = SavedPosition(
            position=reader.position,
            leader_epoch=leader_epoch_of(reader),
            log_id=self._input.log_id,
            newest=state.newest,
            times=state.recent.times.tobytes(),
            count=state.recent.count,
            dense=state.recent.dense,
            leads=leads.last.tobytes(),
            appended=leads.appended.tobytes(),
            leads_count=leads.count,
            bound=leads.bound,
        )

    def next_awake(self) -> datetime | None:
        return ALWAYS_DUE

    def snapshot(self) -> bytes | None:
        self._source.watch.epoch_ended(self._input.name, self._pace.epoch_ended())
        return None if self._saved is None else msgspec.msgpack.encode(self._saved)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
