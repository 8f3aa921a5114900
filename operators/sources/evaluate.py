"""The Bytewax source of evaluate: one partition of events per input, each with the requests that are being judged.

Saved per partition are the position of the first message that is not done, what was spent on and learned about judges,
and the partitions that its feedback and its judges' events go to, for ever: there they keep their order, by which
readers recognise repeats.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from operators.connectors.reader import Reader, leader_epoch_of
from operators.connectors.stop import Stop
from operators.enrich.waiting import Complete
from operators.evaluate.log import EvaluatedLog, EvaluatedState, Judgements
from operators.evaluate.work import Judges
from operators.policy.policy import Policy
from operators.sources.input import Input, InputWatch
from operators.sources.polling import Polling
from operators.sources.source import InputPart, InputSource


class Spoken(msgspec.Struct, frozen=True):
    """The output about one log, `log`: feedback and judges' events, each for a partition of its topic."""

    log: str
    feedback_partition: int
    events_partition: int
    feedback: Sequence[Complete]
    events: Sequence[Complete]


class TakenEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The result of some work of an input: events read, judgements, requests that still wait, and items refused."""

    events: int
    refused: int
    judgements: Judgements
    waiting: int


Item = tuple[str, Spoken]


class SavedLog(msgspec.Struct, frozen=True, kw_only=True):
    """The log and position where a partition continues after a restart, and where its output goes."""

    position: int
    feedback_partition: int
    events_partition: int
    leader_epoch: int | None = None
    log_id: str = ""
    state: EvaluatedState = msgspec.field(default_factory=EvaluatedState)


_decode = msgspec.msgpack.Decoder(SavedLog).decode


def evaluated_log_of(saved: bytes) -> str:
    """Return the id of the log in a partition's saved state."""
    return _decode(saved).log_id


class EvaluateSource(InputSource[Item]):
    """(input name, Spoken) out.

    `judges` are those to ask; `places` gives the partitions for feedback and events of an input without any yet.
    `taken` is called with the result of some work. `now` [s since 1970] is the time of the output.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        judges: Judges,
        places: Callable[[str], tuple[int, int]],
        stop: Stop,
        watch: InputWatch,
        taken: Callable[[str, TakenEvents], None],
        recover: bool = False,
        epoch_s: float = 0.0,
        polling: Polling | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(inputs, policy, stop=stop, watch=watch, recover=recover, epoch_s=epoch_s, polling=polling)
        self.taken, self.places, self.now = taken, places, now
        self.judges = {
            name: msgspec.structs.replace(judges, number=number, parts=len(inputs))
            for number, name in enumerate(sorted(self.inputs))
        }

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> "_Part":
        return _Part(self, self.inputs[for_part], None if resume_state is None else _decode(resume_state))


class _Part(InputPart[Item, SavedLog]):
    _source: EvaluateSource

    def __init__(self, source: EvaluateSource, each: Input, saved: SavedLog | None) -> None:
        super().__init__(source, each, saved)
        self._places = source.places(each.name) if saved is None else (saved.feedback_partition, saved.events_partition)
        self._name = f"{each.log_id or each.name}/{each.name.rpartition('/')[2]}"
        state = None if saved is None else saved.state
        self._log = EvaluatedLog(
            self._name, source.policy, source.judges[each.name], state, each.form, live=source.recover
        )
        self._read_all = False

    def _work(self) -> list[Item]:
        reader = self._opened()
        now_ms = int(self._source.now() * 1000)
        count = self._read(reader, now_ms)
        judgements = self._log.settled(now_ms)
        self._ended = self._read_all and not len(self._log)
        self._save(reader)
        refused, self._log.refused = self._log.refused, 0
        taken = TakenEvents(events=count, refused=refused, judgements=judgements, waiting=len(self._log))
        self._source.taken(self._input.name, taken)
        if not judgements.feedback and not judgements.events:
            return []
        return [(self._input.name, Spoken(self._name, *self._places, judgements.feedback, judgements.events))]

    def _read(self, reader: Reader, now_ms: int) -> int:
        """Read on, if there is room for more waiting requests."""
        if self._read_all or self._log.full:
            return 0
        messages = reader.read()
        if messages is None:
            self._read_all = True
            return 0
        return self._log.take(messages, now_ms) if len(messages) else 0

    def _save(self, reader: Reader) -> None:
        waiting = self._log.position
        self._saved = SavedLog(
            position=reader.position if waiting is None else waiting,
            feedback_partition=self._places[0],
            events_partition=self._places[1],
            # The epoch of the message before a waiting one is no longer known.
            leader_epoch=leader_epoch_of(reader) if waiting is None else None,
            log_id=self._input.log_id,
            state=self._log.state,
        )
