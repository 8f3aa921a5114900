"""The Bytewax source of the archive: one partition per input, each making rows of its own messages.

Saved per partition are the position of its next message and how far its event time has come. Nothing here waits for
another partition, so none can hold another up.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from operators.archive.log import LogState, RequestLog, Taken
from operators.connectors.clickhouse.arrow import converted
from operators.connectors.reader import Reader, leader_epoch_of
from operators.connectors.stop import Stop
from operators.ingest.leads import Leads
from operators.ingest.progress import Recent
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.source import InputPart, InputSource
from operators.store.rows import Rows

Item = tuple[str, Rows]
Observe = Callable[[str, Taken], None]  # Called with the input's name and the result of some messages.


class SavedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where in a log a partition continues after a restart; `times`, `leads`, `appended` are bytes of int64 [ms]."""

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
    """Return the id of the log in a partition's saved state."""
    return _decode(saved).log_id


class ArchiveSource(InputSource[Item]):
    """(input name, rows) out. `taken` is called with what partitions make of messages."""

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
        super().__init__(inputs, policy, stop=stop, watch=watch, recover=recover, epoch_s=epoch_s)
        self.taken = taken

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> "_Part":
        return _Part(self, self.inputs[for_part], None if resume_state is None else _decode(resume_state))


class _Part(InputPart[Item, SavedPosition]):
    _source: ArchiveSource

    def __init__(self, source: ArchiveSource, each: Input, saved: SavedPosition | None) -> None:
        super().__init__(source, each, saved)
        state = None if saved is None else saved.state()
        # Converted as it goes, a read takes a tenth of the memory of its events, and stays in the caches.
        self._log = RequestLog(each.name, source.policy, each.pseudonyms, state, form=each.form, pack=converted)

    def _work(self) -> list[Item]:
        reader = self._opened()
        messages = reader.read()
        if messages is None:
            self._ended = True
            return []
        if not len(messages):
            return []
        name, taken = self._input.name, self._log.take(messages)
        self._source.taken(name, taken)
        if self._source.recover:
            self._save(reader)
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
