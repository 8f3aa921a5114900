"""A partition in which everything is refused has no time of its own: people hear of it all the same, and soon."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window.pane_items import Closed, ShardInput
from operators.window.panes import Panes
from operators.window.shards import shard_of
from operators.wire.control import Notice, Refusal
from tests.dataflows.making import POLICY, START_MS
from tests.dataflows.running import run_flow
from tests.oracle import Log

LIMITS = parse(POLICY.replace("share_max = 1.0", "share_max = 0.2\nblock = 100"))
SOURCES = ("good", "bad", "said")
MINUTE_MS = 60_000
NOT_TOLD = next(str(number) for number in range(100) if shard_of(str(number), SHARDS) != shard_of("", SHARDS))


def event(at: int, **fields: Any) -> bytes:
    body = {"request_id": str(at), "ts": at, "model": NOT_TOLD, "version": "v"}
    return json.dumps(body | fields).encode()


class Stage:
    """All shards, and what people hear of them: what, and at which time."""

    def __init__(self, stamped: bool) -> None:
        self.stamped = stamped
        self.panes = [Panes(LIMITS) for _ in range(SHARDS)]
        self.heard: list[tuple[Notice | Refusal, int]] = []
        self._positions = dict.fromkeys(SOURCES, 0)

    def take(self, one: Partition, values: Sequence[bytes], at_ms: int, *, idle: bool = False) -> None:
        """One partition's next messages, all received at one time; `idle` as the source says of a silent one."""
        first = self._positions[one.source]
        self._positions[one.source] += len(values)
        appended = np.ones(len(values), bool) if self.stamped else None
        received = np.full(len(values), at_ms)
        batch = one.take(
            Messages(
                values=values, positions=range(first, first + len(values)), received_ms=received, appended=appended
            )
        )
        mark = {"idle": True} if idle else {}
        self.push(
            (shard, msgspec.structs.replace(each, mark=msgspec.structs.replace(each.mark, **mark)))
            for shard, each in batch.inputs
        )

    def push(self, inputs: Any) -> None:
        given: Sequence[tuple[int, ShardInput]] = list(inputs)
        for shard, each in given:
            for item in self.panes[shard].push(each):
                said = item.commands if isinstance(item, Closed) else ()
                self.heard += [
                    (told, item.pane * LIMITS.pane_ms)  # type: ignore[union-attr]  # Only what closed says something.
                    for told in said
                    if isinstance(told, Notice | Refusal)
                ]


def partitions() -> tuple[Partition, Partition, Partition]:
    good, bad = (Partition(name, "events", SOURCES, LIMITS) for name in ("good", "bad"))
    return good, bad, Partition("said", "commands", SOURCES, LIMITS)


@pytest.mark.parametrize("stamped", [True, False])
def test_people_hear_of_a_partition_in_which_nothing_was_ever_valid(stamped: bool) -> None:
    """Nothing else had ever happened in the shard that tells of inputs."""
    stage, (good, bad, said) = Stage(stamped), partitions()
    stage.push(said.rest())
    stage.take(bad, [b"x"] * 100, START_MS)
    stage.push(bad.rest())
    for at in range(START_MS, START_MS + MINUTE_MS, 1_000):
        stage.take(good, [event(at)] * 3, at)
    (told, at_ms) = stage.heard[0]
    assert isinstance(told, Notice)
    assert (told.kind, told.source, told.severity, told.bad, told.n) == ("refused", "bad", "page", 100, 100)
    assert abs(at_ms - START_MS) < MINUTE_MS
    assert len(stage.heard) == 1


@pytest.mark.parametrize("stamped", [True, False])
def test_people_hear_of_a_command_that_is_refused_before_any_other(stamped: bool) -> None:
    stage, (good, bad, said) = Stage(stamped), partitions()
    stage.push(bad.rest())
    stage.take(said, [b'{"type": "override", "model": ""}'], START_MS)
    stage.push(said.rest())
    for at in range(START_MS, START_MS + MINUTE_MS, 1_000):
        stage.take(good, [event(at)] * 3, at)
    ((told, at_ms),) = stage.heard
    assert isinstance(told, Refusal)
    assert (told.source, told.position) == ("said", 0)
    assert abs(at_ms - START_MS) < MINUTE_MS


def test_people_hear_of_it_when_nothing_at_all_is_valid_any_more() -> None:
    """A producer of all events breaks: no event says any more how late it is, the broker's clock does."""
    stage, (good, bad, said) = Stage(stamped=True), partitions()
    stage.push(said.rest())
    for at in range(START_MS, START_MS + MINUTE_MS, 1_000):
        for one in (good, bad):
            stage.take(one, [event(at - 200)], at)
    broken_ms = START_MS + MINUTE_MS
    for at in range(broken_ms, broken_ms + 3 * MINUTE_MS, 1_000):
        for one in (good, bad):
            stage.take(one, [event(at, ts="now")], at, idle=at > broken_ms + 30_000)
    told = {each.source: at_ms for each, at_ms in stage.heard}
    assert told.keys() == {"good", "bad"}
    assert all(broken_ms - MINUTE_MS < at_ms < broken_ms + 2 * MINUTE_MS for at_ms in told.values())


def test_without_the_brokers_clock_time_stands_then() -> None:
    stage, (good, bad, said) = Stage(stamped=False), partitions()
    stage.push(said.rest())
    for one in (good, bad):
        for at in range(START_MS, START_MS + MINUTE_MS, 1_000):
            stage.take(one, [event(at)], at)
        stage.take(one, [b"x"] * 200, START_MS + 9 * MINUTE_MS, idle=True)
    assert not stage.heard


@pytest.mark.parametrize("sizes", [1, 90, 10_000])
def test_a_replay_tells_of_a_file_in_which_everything_is_refused(sizes: int) -> None:
    """The same event in any batches; whoever tells of it has nothing else to do."""
    good = [event(START_MS + index * 1_000) for index in range(200)]
    logs = [Log("good", "events", good), Log("bad", "events", [b"x"] * 200), Log("said", "commands", [b"y"])]
    ran = run_flow(LIMITS, logs, START_MS + 60 * MINUTE_MS, sizes=lambda: sizes)
    told = {each.rule: each for each in ran.control}
    assert told.keys() == {"input:refused", "commands:bad_json"}
    assert [each.slice for each in told["input:refused"].slices] == ["source=bad"]
    whole = run_flow(LIMITS, logs, START_MS + 60 * MINUTE_MS)
    assert [msgspec.json.encode(each) for each in ran.control] == [msgspec.json.encode(each) for each in whole.control]
