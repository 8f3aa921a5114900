"""A partition of the source: who waits for whom, when silence counts, and where it goes on."""

import time
from collections.abc import Callable

import pytest

from operators.connectors.stop import Stop
from operators.ingest.messages import NOTHING, Messages
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import Item, MonitorSource
from operators.sources.pace import CATCH_UP
from operators.sources.polling import ALWAYS_DUE, STALL_S, Polling
from operators.window.pane_items import ShardInput
from tests.dataflows.making import FOLLOWS_ALL, received
from tests.laws.partials import ANCHOR_MS, message

RULES = parse(FOLLOWS_ALL)


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


class Clocks:
    """The monotonic clock and the wall clock, which a test moves."""

    def __init__(self) -> None:
        self.now, self.wall = 1_000.0, 1_760_000_000.0
        self.slept: list[float] = []

    def move(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    def polling(self, *, several: bool = False) -> Polling:
        return Polling(several=several, clock=lambda: self.now, wall=lambda: self.wall, sleep=self.slept.append)


def source_of(
    readers: dict[str, Callable[[int | None], Live]],
    *,
    epoch_s: float = 0.0,
    idle_s: float = 0.0,
    polling: Polling | None = None,
) -> MonitorSource:
    inputs = [Input(name=name, stream="events", open=opened, idle_s=idle_s) for name, opened in readers.items()]
    return MonitorSource(inputs, RULES, stop=Stop(), watch=InputWatch(), recover=True, epoch_s=epoch_s, polling=polling)


def marks(items: list[Item]) -> set[tuple[str, bool]]:
    """(partition, idle) of what was told to all shards."""
    told = [item for _, item in items if isinstance(item, ShardInput)]
    assert len(told) % SHARDS == 0
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
    part = source_of({"a": lambda _: Live(lines)}, epoch_s=0.5, polling=Polling()).build_part("", "a", None)
    assert len(part.next_batch()) == SHARDS
    part.snapshot()
    time.sleep(0.05)
    assert len(part.next_batch()) > 5 * SHARDS
    assert len(part.next_batch()) == SHARDS
    assert 0 < CATCH_UP < 1


def in_order(items: list[Item]) -> list[tuple[str, bool]]:
    """(partition, idle) of what was told to one shard, in order."""
    told = [item for key, item in items if key == "s00" and isinstance(item, ShardInput)]
    return [(item.mark.partition, item.mark.idle) for item in told]


def test_after_a_stall_nobody_is_left_out_before_it_is_known_anew_that_there_is_no_more() -> None:
    """An override that was sent to a silent partition during the stall comes before the events of the stall count."""
    clocks = Clocks()
    quiet, busy = [message(ANCHOR_MS)], [message(ANCHOR_MS)]
    source = source_of({"busy": lambda _: Live(busy), "quiet": lambda _: Live(quiet)}, polling=clocks.polling())
    a, b = (source.build_part("", name, None) for name in ("busy", "quiet"))
    for _ in range(4):
        a.next_batch()
        b.next_batch()
    busy += [message(ANCHOR_MS + 40_000)]
    clocks.move(40.0)
    quiet += [message(ANCHOR_MS + 1_000)]
    # Before the batch of the stall all are waited for again, whoever is polled first.
    assert in_order(a.next_batch()) == [("busy", False), ("quiet", False), ("busy", False)]
    assert in_order(b.next_batch()) == [("quiet", False)]
    assert in_order(b.next_batch()) == []
    assert in_order(b.next_batch()) == [("quiet", True)]


def test_a_stall_in_the_middle_of_a_read_is_seen_before_what_was_read_counts() -> None:
    clocks = Clocks()
    quiet, busy = Live([message(ANCHOR_MS)]), Live([message(ANCHOR_MS)])
    source = source_of({"busy": lambda _: busy, "quiet": lambda _: quiet}, polling=clocks.polling())
    a, b = (source.build_part("", name, None) for name in ("busy", "quiet"))
    for _ in range(4):
        a.next_batch()
        b.next_batch()

    def read() -> Messages:
        clocks.move(40.0)
        return received([message(ANCHOR_MS + 40_000)], 1)

    busy.read = read  # type: ignore[method-assign]
    busy.position = 2
    assert in_order(a.next_batch()) == [("busy", False), ("quiet", False), ("busy", False)]


def test_who_was_silent_before_a_stall_and_still_is_is_left_out_at_once() -> None:
    clocks = Clocks()
    reader = Live([message(ANCHOR_MS)])
    idle: list[str] = []
    source = source_of({"a": lambda _: reader}, idle_s=30.0, polling=clocks.polling())
    source.watch = InputWatch(idle=idle.append)
    part = source.build_part("", "a", None)
    told = []
    for _ in range(40):
        told += in_order(part.next_batch())
        clocks.move(1.0)
    assert told == [("a", False), ("a", True)]
    clocks.move(40.0)
    assert in_order(part.next_batch()) == [("a", False), ("a", True)]
    assert reader.rechecks == 2
    assert idle == ["a"], "it counts as one silence"


def test_only_time_in_which_a_partition_was_polled_counts_as_silence() -> None:
    clocks = Clocks()
    source = source_of({"a": lambda _: Live([message(ANCHOR_MS)])}, idle_s=30.0, polling=clocks.polling())
    part = source.build_part("", "a", None)
    told = in_order(part.next_batch())
    for _ in range(14):
        clocks.move(600.0)
        told += in_order(part.next_batch())
        clocks.move(STALL_S - 1.0)
        told += in_order(part.next_batch())
    assert told == [("a", False)]
    for _ in range(3):
        clocks.move(1.0)
        told += in_order(part.next_batch())
    assert told == [("a", False), ("a", True)]


def test_a_reader_that_lost_its_end_is_waited_for_again() -> None:
    """Its broker went away: what is sent to it meanwhile cannot be read."""
    clocks = Clocks()
    reader = Live([message(ANCHOR_MS)])
    part = source_of({"a": lambda _: reader}, polling=clocks.polling()).build_part("", "a", None)
    told = [mark for _ in range(4) for mark in in_order(part.next_batch())]
    assert told == [("a", False), ("a", True)]
    away = reader.read
    reader.at_end = False
    reader.read = lambda: NOTHING  # type: ignore[method-assign]
    assert in_order(part.next_batch()) == [("a", False)]
    assert in_order(part.next_batch()) == []
    reader.read = away  # type: ignore[method-assign]
    assert in_order(part.next_batch()) == [("a", True)]


def test_the_end_may_take_its_time_to_be_told_anew() -> None:
    reader = Live([message(ANCHOR_MS)])
    part = source_of({"a": lambda _: reader}).build_part("", "a", None)
    part.next_batch()
    assert part.next_batch() == []
    answer = reader.read
    reader.read = lambda: NOTHING  # type: ignore[method-assign]
    assert [part.next_batch() for _ in range(3)] == [[], [], []]
    reader.read = answer  # type: ignore[method-assign]
    assert in_order(part.next_batch()) == [("a", True)]
    assert reader.rechecks == 1


def test_after_a_restart_who_was_left_out_is_waited_for_until_it_is_known_to_be_silent() -> None:
    clocks = Clocks()
    lines = [message(ANCHOR_MS)]
    part = source_of({"a": lambda _: Live(lines)}, idle_s=30.0, polling=clocks.polling()).build_part("", "a", None)
    for _ in range(40):
        part.next_batch()
        clocks.move(1.0)
    saved = part.snapshot()
    again = source_of({"a": lambda at: Live(lines, at)}, idle_s=30.0, polling=clocks.polling())
    assert in_order(again.build_part("", "a", saved).next_batch()) == [("a", False), ("a", True)]


def test_after_a_stall_one_of_several_processes_waits_for_what_the_others_say() -> None:
    clocks = Clocks()
    polling = clocks.polling(several=True)
    part = source_of({"a": lambda _: Live([message(ANCHOR_MS)])}, epoch_s=1.0, polling=polling).build_part(
        "", "a", None
    )
    assert part.next_batch() == []
    clocks.move(1.0)
    assert marks(part.next_batch()) == {("a", False)}


def test_the_engine_is_never_given_a_time_to_sleep_until_and_does_not_spin() -> None:
    """It would compare it with the wall clock. Of all partitions with nothing to do one rests in a round."""
    clocks = Clocks()
    source = source_of({name: lambda _: Live([]) for name in "abc"}, idle_s=30.0, polling=clocks.polling())
    parts = [source.build_part("", name, None) for name in "abc"]
    for _ in range(11):
        for part in parts:
            assert part.next_batch() == []
            assert part.next_awake() == ALWAYS_DUE
    assert len(clocks.slept) == 10


def test_a_step_back_of_the_wall_clock_begins_the_dataflow_again() -> None:
    """The engine would leave its epoch open for as long as the step."""
    clocks = Clocks()
    source = source_of({"a": lambda _: Live([message(ANCHOR_MS)] * 3)}, polling=clocks.polling())
    part = source.build_part("", "a", None)
    part.next_batch()
    clocks.wall += 3_600.0
    part.next_batch()
    clocks.wall -= 20.0
    with pytest.raises(StopIteration):
        part.next_batch()
    assert source.stop.renew()
    assert not source.stop.requested
    source.stop.begin_again()
    source.stop.request()
    assert not source.stop.renew(), "whoever asks to stop is obeyed"


def test_who_sends_only_what_is_refused_holds_up_nobody() -> None:
    """A message of junk now and then, in a partition that is quiet otherwise, kept every pane open for ever."""
    clocks = Clocks()
    reader = Junk([message(ANCHOR_MS), *[b"junk"] * 100])
    part = source_of({"a": lambda _: reader}, idle_s=5.0, polling=clocks.polling()).build_part("", "a", None)
    told = []
    for _ in range(100):
        told.append(marks(part.next_batch()))
        clocks.move(0.25)
    assert told[0] == {("a", False)}
    resting = told.index({("a", True)})
    assert 20 <= resting <= 50
    assert {mark for each in told[resting:] for mark in each} == {("a", True)}, "junk does not wake it"
    reader.lines.append(message(ANCHOR_MS + 1))
    while reader.position < len(reader.lines):
        last = part.next_batch()
    assert marks(last) == {("a", False)}, "an event does"


class Junk(Live):
    """At its end after every message; a further one has come by the next but one read."""

    @property
    def lines(self) -> list[bytes]:
        return self._lines

    def read(self) -> Messages:
        if not self.at_end and self.position:
            self.at_end = True
            return NOTHING
        self.at_end = False
        return super().read()


def test_a_worker_that_stalls_in_every_round_leaves_out_who_is_silent_all_the_same() -> None:
    """Slower than the stall that it looks for, it waited for a silent partition for ever, and no pane closed."""
    clocks = Clocks()
    reader, busy = Junk([message(ANCHOR_MS)]), Live([message(ANCHOR_MS + at) for at in range(30)])
    source = source_of({"a": lambda _: reader, "b": lambda _: busy}, idle_s=1.0, polling=clocks.polling())
    part, other = (source.build_part("", name, None) for name in "ab")
    told: list[set[tuple[str, bool]]] = []
    for _ in range(30):
        clocks.move(2 * STALL_S)
        other.next_batch()
        clocks.move(0.5)
        told.append(marks(part.next_batch()))
    assert ("a", True) in set().union(*told[:15])
    assert ("a", True) in set().union(*told[15:]), "and again, once it is waited for again"
    assert reader.rechecks > 1


def test_who_sends_what_is_refused_all_the_time_is_left_out_near_its_end_only() -> None:
    """Each read brings some more, and the end is never seen."""
    for unread, told_of in ((0, {("a", False), ("a", True)}), (2, {("a", False)})):
        clocks = Clocks()
        reader = Flood([message(ANCHOR_MS), *[b"junk"] * 60])
        reader.lag = unread
        opens: dict[str, Callable[[int | None], Live]] = {"a": reader.opened}
        part = source_of(opens, idle_s=5.0, polling=clocks.polling()).build_part("", "a", None)
        told: set[tuple[str, bool]] = set()
        for _ in range(60):
            told |= marks(part.next_batch())
            clocks.move(0.25)
        assert told == told_of


class Flood(Live):
    """Never at its end; `lag` messages are behind the one that was read."""

    lag = 0

    def opened(self, position: int | None) -> Live:
        return self

    def recheck(self) -> None:
        self.rechecks += 1


def test_nobody_waits_to_read_for_one_that_is_sent_what_is_refused_all_the_time() -> None:
    ahead = Live([message(ANCHOR_MS + index * 61_000) for index in range(4)])
    flood = Flood([b"junk"] * 60)
    opens: dict[str, Callable[[int | None], Live]] = {"a": lambda _: ahead, "b": flood.opened}
    source = source_of(opens)
    a, b = (source.build_part("", name, None) for name in "ab")
    for _ in range(8):
        b.next_batch()
        a.next_batch()
    assert ahead.position == 4
