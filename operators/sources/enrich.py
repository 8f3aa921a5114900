"""The Bytewax source of enrich: one partition of raw feedback per input, each asking the request log for its ids.

Saved per partition are the position of the first message that is not done, and the partition of the feedback topic that
its items go to, for ever: in one partition they keep their order, by which readers recognise repeats.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from operators.connectors.reader import Reader, leader_epoch_of
from operators.connectors.stop import Stop
from operators.enrich.waiting import Complete, Settled, WaitingFeedback
from operators.ingest.answers import Answer
from operators.policy.policy import Policy
from operators.rows.items import dead_letter_rows
from operators.sources.input import Input, InputWatch
from operators.sources.polling import Polling
from operators.sources.source import InputPart, InputSource
from operators.store.rows import Rows

WAITING_MAX = 5_000  # Items of a partition that may wait; while so many do, none are read.
IDS_MAX = 5_000  # Looked up at once.
LOOK_S = 0.1  # Between two look-ups of a partition: one of many ids costs little more than one of few.


class Outgoing(msgspec.Struct, frozen=True):
    """Complete feedback of one input, for a partition of the feedback topic; `log` names the log it came from."""

    log: str
    partition: int
    items: Sequence[Complete]


class TakenFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """The result of some work of an input: items completed, refused by reason, left out by field, and still waiting."""

    complete: int
    rejects: Counter[str]
    unusable: Counter[str]
    waiting: int


Item = tuple[str, Rows | Outgoing]
LookUp = Callable[[Sequence[str]], Mapping[str, Sequence[Answer]] | None]  # None: no answer now.
Observe = Callable[[str, TakenFeedback], None]


class SavedPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The log and position where a partition continues after a restart, and the partition its feedback goes to."""

    position: int
    partition: int
    leader_epoch: int | None = None
    log_id: str = ""


_decode = msgspec.msgpack.Decoder(SavedPlace).decode


def feedback_log_of(saved: bytes) -> str:
    """Return the id of the log in a partition's saved state."""
    return _decode(saved).log_id


class EnrichSource(InputSource[Item]):
    """(input name, Rows of dead letters) and (input name, Outgoing) out.

    `look_up` asks the request log; `partition_of` gives the partition of the feedback topic for an input without one.
    `taken` is called with the result of some work. `now` [s since 1970] tells how long items have waited.
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        policy: Policy,
        *,
        look_up: LookUp,
        partition_of: Callable[[str], int],
        stop: Stop,
        watch: InputWatch,
        taken: Observe,
        epoch_s: float = 0.0,
        polling: Polling | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(inputs, policy, stop=stop, watch=watch, recover=True, epoch_s=epoch_s, polling=polling)
        self.look_up, self.partition_of, self.taken, self.now = look_up, partition_of, taken, now

    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> "_Part":
        return _Part(self, self.inputs[for_part], None if resume_state is None else _decode(resume_state))


class _Part(InputPart[Item, SavedPlace]):
    _source: EnrichSource

    def __init__(self, source: EnrichSource, each: Input, saved: SavedPlace | None) -> None:
        super().__init__(source, each, saved)
        self._partition = source.partition_of(each.name) if saved is None else saved.partition
        self._feedback = WaitingFeedback(source.policy, each.form)
        self._looked = float("-inf")

    def _work(self) -> list[Item]:
        reader = self._opened()
        unusable = self._read(reader)
        self._look_up()
        settled = self._feedback.settled()
        self._save(reader)
        self._source.taken(
            self._input.name,
            TakenFeedback(
                complete=len(settled.complete),
                rejects=Counter(reject.reason for reject in settled.rejects),
                unusable=unusable,
                waiting=len(self._feedback),
            ),
        )
        return self._items(settled)

    def _read(self, reader: Reader) -> Counter[str]:
        """Read on, if there is room for more waiting items."""
        if len(self._feedback) >= WAITING_MAX:
            return Counter()
        messages = reader.read()
        if messages is None:
            self._ended = not len(self._feedback)
            return Counter()
        return self._feedback.take(messages, self._now_ms())

    def _look_up(self) -> None:
        clock = self._source.polling.clock()
        if clock - self._looked < LOOK_S:
            return
        self._looked = clock
        asked_ms = self._now_ms()
        ids = self._feedback.due(asked_ms, IDS_MAX)
        if not ids:
            return
        answers = self._source.look_up(ids)
        self._looked = self._source.polling.clock()
        if answers is not None:
            self._feedback.learned(ids, answers, asked_ms)

    def _now_ms(self) -> int:
        return int(self._source.now() * 1000)

    def _items(self, settled: Settled) -> list[Item]:
        name, log = self._input.name, self._input.log_id or self._input.name
        items: list[Item] = []
        if settled.complete:
            number = name.rpartition("/")[2]
            items.append((name, Outgoing(f"{log}/{number}", self._partition, settled.complete)))
        if settled.rejects:
            policy, pseudonyms = self._source.policy, self._input.pseudonyms
            items.append((name, dead_letter_rows(settled.rejects, name, policy, pseudonyms)))
        return items

    def _save(self, reader: Reader) -> None:
        waiting = self._feedback.position
        self._saved = SavedPlace(
            position=reader.position if waiting is None else waiting,
            partition=self._partition,
            # The epoch of the message before a waiting one is no longer known.
            leader_epoch=leader_epoch_of(reader) if waiting is None else None,
            log_id=self._input.log_id,
        )
