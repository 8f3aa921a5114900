"""A partition of the source: who waits for whom, when silence counts, and where it goes on."""

import time
from collections.abc import Callable

from operators.connectors.source import CATCH_UP, Input, Item, MonitorSource, Watch
from operators.connectors.stop import Stop
from operators.ingest.messages import NOTHING, Messages
from operators.policies.toml import parse
from operators.window.panes import ShardInput
from tests.dataflows.making import POLICY, received
from tests.laws.partials import ANCHOR_MS, message

RULES = parse(POLICY)


class Live:
    """A reader that hands out one message a read, and then is silent at its end."""

    def __init__(self, lines: list[bytes], position: int | None = None) -> None:
        self._lines = lines
        self.position = 0 if position is None else position
        self.at_end = False
        self.rechecks = 0

    def read(self) -> Messages:
        if self.position == len(self._lines):
            self.at_end = True
            return NOTHING
        self.position += 1
        return received(self._lines[self.position - 1 : self.position], self.position - 1)

    def recheck(self) -> None:
        self.rechecks += 1
        self.at_end = False

    def close(self) -> None: ...


def source_of(readers: dict[str, Callable[[int | None], Live]], **options: float) -> MonitorSource:
    inputs = [Input(name=name, stream="events", open=opened, idle_s=0.0) for name, opened in readers.items()]
    return MonitorSource(inputs, RULES, stop=Stop(), watch=Watch(), recover=True, epoch_s=options.get("epoch_s", 0.0))


def marks(items: list[Item]) -> set[tuple[str, bool]]:
    """(partition, idle) of what was told to all shards."""
    told = [item for _, item in items if isinstance(item, ShardInput)]
    assert len(told) % 64 == 0
    return {(item.mark.partition, item.mark.idle) for item in told}


def test_silence_counts_once_it_was_rechecked_that_there_is_no_more() -> None:
    """A broker that is away is silent, too; and once said, it is not said again."""
    reader = Live([message(ANCHOR_MS)])
    part = source_of({"a": lambda _: reader}).build_part("", "a", None)
    assert marks(part.next_batch()) == {("a", False)}
    assert part.next_batch() == []
    assert reader.rechecks == 1
    assert marks(part.next_batch()) == {("a", True)}
    assert part.next_batch() == []
    assert reader.rechecks == 1


def test_a_partition_far_ahead_waits_for_those_that_lag_but_not_for_those_at_their_end() -> None:
    ahead = [message(ANCHOR_MS + index * 61_000) for index in range(3)]
    source = source_of({"a": lambda _: Live(ahead), "b": lambda _: Live([message(ANCHOR_MS)] * 2)})
    a, b = (source.build_part("", name, None) for name in "ab")
    assert marks(a.next_batch()) == {("a", False)}
    assert a.next_batch() == []
    assert a.next_awake() is not None
    b.next_batch()
    assert marks(a.next_batch()) == {("a", False)}
    assert a.next_batch() == []
    b.next_batch()
    b.next_batch()
    assert marks(a.next_batch()) == {("a", False)}


def test_a_partition_goes_on_where_its_last_whole_batch_ended() -> None:
    lines = [message(ANCHOR_MS + index * 100_000) for index in range(4)]
    readers: list[Live] = []

    def opened(position: int | None) -> Live:
        readers.append(Live(lines, position))
        return readers[-1]

    part = source_of({"a": opened}).build_part("", "a", None)
    part.next_batch()
    part.next_batch()
    saved = part.snapshot()
    again = source_of({"a": opened}).build_part("", "a", saved)
    items = again.next_batch()
    assert readers[-1].position == 3
    told = next(item for _, item in items if isinstance(item, ShardInput))
    assert told.mark.newest == ANCHOR_MS + 200_000


def test_whoever_waited_for_the_others_at_the_end_of_an_epoch_works_for_as_long() -> None:
    """The engine takes the wait out of the next epoch, or the faster worker would get one batch an epoch."""
    lines = [message(ANCHOR_MS)] * 100_000
    part = source_of({"a": lambda _: Live(lines)}, epoch_s=0.5).build_part("", "a", None)
    assert len(part.next_batch()) == 64
    part.snapshot()
    time.sleep(0.05)
    assert len(part.next_batch()) > 5 * 64
    assert len(part.next_batch()) == 64
    assert 0 < CATCH_UP < 1
