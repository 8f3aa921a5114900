"""Whoever sends old events holds nobody up: not while other partitions of events are near the broker's clock."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.policy.errors import PolicyError
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window.pane_items import Closed, ShardInput
from operators.window.panes import Panes
from operators.wire.control import Notice
from tests.dataflows.making import POLICY, START_MS

RULES = parse(POLICY)
SOURCES = ("live", "quiet", "told")
MONTH_MS = 30 * 86_400_000
MINUTE_MS = 60_000


class Log:
    """A partition on a topic with LogAppendTime."""

    def __init__(self, name: str, stream: Any = "events") -> None:
        self.stream = stream
        self.partition = Partition(name, stream, SOURCES, RULES)
        self._position = 0

    def take(self, appended_ms: int, *times_ms: int, model: str = "m") -> Batch:
        """One message of each event, all appended at one time."""
        told = {"kind": "judge", "value": 5} if self.stream == "feedback" else {}
        values = [
            json.dumps(
                {"request_id": str(self._position + n), "ts": ts, "model": model, "version": "v"} | told
            ).encode()
            for n, ts in enumerate(times_ms)
        ]
        first, self._position = self._position, self._position + len(values)
        count = len(values)
        messages = Messages(
            values=values,
            positions=range(first, first + count),
            received_ms=np.full(count, appended_ms),
            appended=np.ones(count, bool),
        )
        return self.partition.take(messages)


def push(panes: Sequence[Panes], batch: Batch | list[tuple[int, ShardInput]]) -> list[Closed]:
    """Hand a batch on to all shards; return what closes with events in it."""
    inputs = batch.inputs if isinstance(batch, Batch) else batch
    closed = [item for shard, given in inputs for item in panes[shard].push(given)]
    return [item for item in closed if isinstance(item, Closed) and (item.on_time or item.late)]


def shards() -> list[Panes]:
    return [Panes(RULES) for _ in range(SHARDS)]


@pytest.mark.parametrize("stream", ["events", "feedback"])
@pytest.mark.parametrize("age_ms", [2 * MINUTE_MS, 3_600_000, MONTH_MS])
def test_old_events_in_a_quiet_partition_hold_nobody_up(stream: Any, age_ms: int) -> None:
    """A month old, and valid: the watermark stood still for all models, for as long as somebody sent them."""
    live, quiet, told = Log("live"), Log("quiet", stream), Log("told", "feedback")
    panes = shards()
    push(panes, told.partition.rest())
    counted = []
    for at in range(START_MS, START_MS + 2 * MINUTE_MS, 4_000):
        push(panes, quiet.take(at, at - age_ms, model="old"))
        counted += push(panes, live.take(at, at - 100))
    on_time = [closed for closed in counted if closed.on_time]
    assert sum(int(closed.on_time.slis[:, 0].sum()) for closed in on_time if closed.on_time) >= 25
    assert on_time[-1].pane * RULES.pane_ms > START_MS + 2 * MINUTE_MS - 30_000


def test_a_partition_that_speaks_of_now_again_is_waited_for_again() -> None:
    live, quiet, told = Log("live"), Log("quiet"), Log("told")
    panes = shards()
    push(panes, told.partition.rest())
    push(panes, quiet.take(START_MS, START_MS - MONTH_MS))
    push(panes, live.take(START_MS, START_MS))
    at = START_MS + MINUTE_MS
    for step in range(11):  # A tenth of the events that count.
        push(panes, quiet.take(at + step, at))
    assert not quiet.partition.behind
    push(panes, live.take(at + 2 * MINUTE_MS, at + 2 * MINUTE_MS))
    assert not push(panes, live.take(at + 3 * MINUTE_MS, at + 3 * MINUTE_MS))


def test_while_a_past_is_read_again_all_are_waited_for() -> None:
    """Two partitions of a month ago, put into their topic just now, one of them more slowly."""
    live, quiet, told = Log("live"), Log("quiet"), Log("told")
    panes = shards()
    push(panes, told.partition.rest())
    past = [START_MS - MONTH_MS + step * 10_000 for step in range(100)]
    push(panes, quiet.take(START_MS, *past[:20]))
    assert not push(panes, live.take(START_MS, *past))[10:]
    ended = push(panes, quiet.take(START_MS, *past[20:]))
    assert not any(closed.late for closed in ended)
    assert len(ended) > 60


def test_how_far_behind_is_told() -> None:
    log = Log("quiet")
    assert log.take(START_MS, START_MS - 100).behind_ms == 100
    assert log.partition.leads
    assert log.take(START_MS + MINUTE_MS, START_MS - 100).behind_ms == MINUTE_MS + 100
    assert log.partition.behind


def test_nothing_is_known_of_logs_that_no_broker_stamps() -> None:
    partition = Partition("p", "events", SOURCES, RULES)
    value = json.dumps({"request_id": "r", "ts": START_MS, "model": "m", "version": "v"}).encode()
    for _ in range(20):
        batch = partition.take(Messages(values=[value], positions=[0], received_ms=np.full(1, START_MS + MONTH_MS)))
    assert (batch.behind_ms, partition.behind, partition.leads) == (None, False, False)


def test_the_limit_is_a_setting() -> None:
    assert RULES.behind_ms == MINUTE_MS
    assert parse(POLICY.replace('disorder = "5s"', 'disorder = "2m"')).behind_ms == 4 * MINUTE_MS
    changed = parse(POLICY.replace("[time]", '[time]\nbehind_max = "1h"'))
    assert changed.behind_ms == 60 * MINUTE_MS
    assert changed.shape == RULES.shape, "it says when panes close, not what is kept"
    with pytest.raises(PolicyError, match=r"time\.behind_max"):
        parse(POLICY.replace("[time]", '[time]\nbehind_max = "1s"'))


def mixed(count: int, seed: int = 1) -> Messages:
    """Events in a thin partition among messages that hold none: junk, tombstones, copies; some are not stamped."""
    random = np.random.default_rng(seed)
    appended = START_MS + np.cumsum(random.exponential(700, count)).astype(np.int64)
    values = []
    for number, at in enumerate(appended.tolist()):
        ts = at - int(random.integers(0, 8_000))
        body = {"request_id": str(number // 2), "ts": ts, "model": "m", "version": "v"}
        kind = random.random()
        values.append(b"x" if kind < 0.5 else b"" if kind < 0.6 else json.dumps(body | {"latency_ms": 1}).encode())
    stamped = random.random(count) < 0.9
    return Messages(values=values, positions=range(count), received_ms=appended, appended=stamped)


def taken(messages: Messages, size: int) -> list[Any]:
    """What comes of messages in batches of one size, and the time of their partition after each."""
    one = Partition("p", "events", ("p",), parse(POLICY.replace('horizon = "0s"', 'horizon = "1m"')))
    late, told, times = 0, [], []
    for start in range(0, len(messages), size):
        batch = one.take(messages.part(start, start + size))
        late += batch.late
        told += [(pane, said) for _, each in batch.inputs for pane, said in each.commands if isinstance(said, Notice)]
        times.append(one.state.newest)
    assert len(messages) % size == 0
    told.sort(key=lambda each: (each[1].kind, each[1].number))  # As they are told where both come at once.
    return [late, told, times[-1], one.state.recent.leads.count]


def test_where_batches_are_cut_does_not_show_in_what_moves_time() -> None:
    messages = mixed(1_200)
    whole = taken(messages, 1_200)
    assert whole[0] > 0
    for size in (1, 50, 400):
        assert taken(messages, size) == whole


def test_a_partition_in_which_hardly_anything_is_valid_holds_nobody_up() -> None:
    """One event a minute among junk: that the junk comes says how late it is."""
    one, at = Partition("p", "events", ("p",), RULES), START_MS
    for number in range(600):
        value = (
            b"x"
            if number % 60
            else json.dumps({"request_id": "r", "ts": at - 300, "model": "m", "version": "v"}).encode()
        )
        at += 1_000
        one.take(Messages(values=[value], positions=[number], received_ms=np.full(1, at), appended=np.ones(1, bool)))
        assert at - one.state.newest <= 1_300


def test_junk_moves_no_time_while_a_past_is_read_again() -> None:
    log = Log("quiet")
    log.take(START_MS, *(START_MS - MONTH_MS + step for step in range(50)))
    before = log.partition.state.newest
    junk = Messages(values=[b"x"], positions=[99], received_ms=np.full(1, START_MS), appended=np.ones(1, bool))
    log.partition.take(junk)
    assert log.partition.state.newest == before
