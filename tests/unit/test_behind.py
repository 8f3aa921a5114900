"""Whoever sends old events holds nobody up: not while other partitions of events are near the broker's clock."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.window.panes import Closed, Panes, ShardInput
from operators.window.shards import SHARDS
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
