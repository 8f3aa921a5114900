"""A partition that is behind, and not waited for: people hear of it when it begins and when it is over."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.ingest.placing import PartitionState
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.release.alerts import Alerts
from operators.release.event_writer import EventWriter
from operators.release.model import Model
from operators.release.sentence import sentence
from operators.saved.registry import Saved
from operators.wire.control import ControlEvent, Notice
from tests.dataflows.making import POLICY, START_MS
from tests.dataflows.running import Shards

RULES = parse(POLICY)
MINUTE_MS = 60_000
Told = list[tuple[int, Notice]]


def messages(times: Ints, appended: Ints, stream: str = "events") -> Messages:
    """A message of each event, on a topic with LogAppendTime."""
    kind = {"kind": "judge", "value": 5} if stream == "feedback" else {}
    values = [
        json.dumps({"request_id": f"r{number}", "ts": ts, "model": "m", "version": "v"} | kind).encode()
        for number, ts in enumerate(times.tolist())
    ]
    return Messages(
        values=values,
        positions=range(len(values)),
        received_ms=appended,
        appended=np.ones(len(values), bool),
    )


def log_of(ages_s: Sequence[float], per_minute: int = 60) -> Messages:
    """Minutes of events, which are so old when they come."""
    appended = START_MS + np.arange(len(ages_s) * per_minute) * MINUTE_MS // per_minute
    ages = np.repeat((np.asarray(ages_s) * 1_000).astype(np.int64), per_minute)
    return messages(appended - ages, appended)


def told(log: Messages, size: int, *, stream: Any = "events", restart: bool = False) -> Told:
    """What is said of a partition, and the pane; with `restart` it goes on from what is saved after each batch."""
    one, heard = Partition("topic/3", stream, ("topic/3",), RULES), []
    for start in range(0, len(log), size):
        batch = one.take(log.part(start, start + size))
        heard += [(pane, said) for _, each in batch.inputs for pane, said in each.commands if isinstance(said, Notice)]
        if restart:
            saved = loads(dumps(one.state, RULES), PartitionState, RULES)
            assert saved is not None
            one = Partition("topic/3", stream, ("topic/3",), RULES)
            one.state = saved
    return [(pane, said) for pane, said in heard if said.kind == "behind"]


def test_it_is_told_when_it_begins_and_when_it_is_over() -> None:
    """At the broker's times, the first word being that all is well; what lasts is not told again."""
    heard = told(log_of([0.2] * 2 + [130] * 4 + [0.2] * 4), 50)
    assert [(each.severity, each.leads, each.source) for _, each in heard] == [
        (None, True, "topic/3"),
        ("page", False, "topic/3"),
        (None, True, "topic/3"),
    ]
    begun, over = ((pane * RULES.pane_ms - START_MS) // MINUTE_MS for pane, _ in heard[1:])
    assert (begun, over) == (3, 7)
    assert heard[1][1].what == "items are up to 2 m 10 s old when they come, more than [time] behind_max, 1 m"
    assert heard[1][1].bad > heard[1][1].share_max * heard[1][1].n


def test_files_that_come_every_two_minutes_are_behind() -> None:
    """A hundred events at once, each file as old as its producer holds it back."""
    appended = np.repeat(START_MS + np.arange(6) * 2 * MINUTE_MS, 100)
    ages = np.tile(np.linspace(190_000, 70_000, 100).astype(np.int64), 6)
    (_, notice), *more = told(messages(appended - ages, appended), 64)
    assert not more
    assert (notice.severity, notice.n) == ("page", 90), "before eleven old events a partition has no time"
    assert "up to 2 m 49 s old" in notice.what, "nine of ten of these are"


@pytest.mark.parametrize("age_s", [0.2, 20, 59])
def test_what_comes_in_time_is_not_behind(age_s: float) -> None:
    assert [each.severity for _, each in told(log_of([age_s] * 5), 100)] == [None]


def test_a_log_that_is_read_long_after_it_was_written_is_not_behind() -> None:
    """What counts is how old events were when the broker took them: a worker that catches up calls nobody."""
    assert [each.leads for _, each in told(log_of([1] * 60), 4_000)] == [True]


def test_a_few_old_events_are_not_a_partition_that_is_behind() -> None:
    """Up to `outliers` in a row move no time; nor do many among others. They are late, and told of as such."""
    random = np.random.default_rng(3)
    appended = START_MS + np.arange(3_000) * 200
    times = appended - np.where(random.random(3_000) < 0.4, 3_600_000, 100)
    assert [each.severity for _, each in told(messages(times, appended), 500)] == [None]


def test_one_event_a_minute_is_enough_in_the_end() -> None:
    heard = told(log_of([150] * 60, per_minute=1), 3)
    assert [each.severity for _, each in heard] == ["page"]


def test_a_share_about_the_limit_is_told_once() -> None:
    """Files of the last 100 or 150 seconds: of 40 % and 60 % of their events the partition is behind."""
    held_s = np.tile([100, 150], 5)
    appended = START_MS + np.repeat(np.cumsum(held_s) * 1_000, 100)
    ages = np.concatenate([np.linspace(held * 1_000, 100, 100).astype(np.int64) for held in held_s])
    heard = told(messages(appended - ages, appended), 70)
    assert [each.severity for _, each in heard] == [None, "page"]


def test_nothing_is_said_of_logs_that_no_broker_stamps() -> None:
    log = msgspec.structs.replace(log_of([130] * 5), appended=None)
    assert not told(log, 100)


def test_feedback_is_told_of_when_it_is_behind_and_leads_nobody() -> None:
    appended = START_MS + np.arange(600) * 1_000
    ages = np.repeat([200, 130_000, 200, 200, 200], 120)
    heard = told(messages(appended - ages, appended, stream="feedback"), 100, stream="feedback")
    assert [(each.severity, each.leads) for _, each in heard] == [("page", False), (None, False)]


def test_where_batches_are_cut_and_worker_restarts_do_not_show() -> None:
    random = np.random.default_rng(1)
    appended = START_MS + np.cumsum(random.choice([0, 50, 2_000, 90_000], 3_000, p=[0.3, 0.4, 0.29, 0.01]))
    appended[100:110] -= 3_000  # Another leader's clock.
    ages = np.repeat(random.choice([100, 40_000, 130_000, 3_600_000], 30), 100) + random.integers(0, 30_000, 3_000)
    log = messages(appended - ages, appended)
    whole = told(log, len(log))
    assert len(whole) > 4
    for size in (7, 20, 21, 1_000):
        assert told(log, size) == whole
    assert told(log, 250, restart=True) == whole


def test_a_store_of_before_goes_on() -> None:
    """Nothing was kept of this: the next block is told of like a first one."""
    one = Partition("topic/3", "events", ("topic/3",), RULES)
    fields = {"newest": START_MS - MINUTE_MS, "appended": START_MS - MINUTE_MS}
    state = Saved("input.partition", PartitionState).make(fields)
    assert isinstance(state, PartitionState)
    one.state = state
    assert [each.leads for each in one.take(log_of([1] * 3)).notices] == [True]
    model = Saved("model", Model).make({"writer": EventWriter(model=""), "alerts": Alerts()})
    assert isinstance(model, Model)
    assert model.behind == {}


def alerts(ages_s: dict[str, Sequence[float]], size: int = 20) -> list[ControlEvent]:
    """What people hear where such partitions are read by turns, each as far as the broker's clock."""
    sources, shards = tuple(ages_s), Shards(RULES)
    parts = {name: (Partition(name, "events", sources, RULES), log_of(ages)) for name, ages in ages_s.items()}
    for start in range(0, max(len(log) for _, log in parts.values()), size):
        for one, log in parts.values():
            shards.push(one.take(log.part(start, start + size)).inputs)
    return [event for event in shards.events if event.rule.startswith("input:behind")]


def test_an_alert_names_the_partitions_while_another_one_is_near() -> None:
    slow = {"slow/1": [130] * 10 + [0.2] * 5, "slow/2": [300] * 12 + [0.2] * 3}
    events = alerts({"live/0": [0.2] * 15, **slow})
    said = [(each.state, each.severity, [one.slice for one in each.slices]) for each in events]
    both = ["source=slow/1", "source=slow/2"]
    assert said[0] == ("firing", "page", both)
    assert said[-1] == ("resolved", "info", ["source=slow/2"])
    assert len(said) == 2
    assert events[0].runbook == "infra/runbooks/input.md"
    assert events[0].ts < START_MS + 3 * MINUTE_MS
    assert "raise [time] behind_max above" in sentence(events[0])
    assert "source=slow/1: items are up to 2 m 10 s old when they come" in sentence(events[0])
    again = alerts({**slow, "live/0": [0.2] * 15}, size=7)
    assert [msgspec.json.encode(each) for each in again] == [msgspec.json.encode(each) for each in events]


def test_nobody_is_called_where_all_are_behind_and_waited_for() -> None:
    """As while a past is put into topics again: nothing is lost, and decisions come as much later."""
    assert not alerts({"a": [130] * 20, "b": [200] * 20})


def test_it_fires_once_one_of_them_is_near_again() -> None:
    """From then on the other one is not waited for any more."""
    (event,) = alerts({"a": [130] * 8 + [0.2] * 12, "b": [200] * 20})
    assert (event.state, [each.slice for each in event.slices]) == ("firing", ["source=b"])
    assert event.ts > START_MS + 8 * MINUTE_MS


def test_it_is_over_when_all_are_behind() -> None:
    """Nobody is near any more: all are waited for."""
    events = alerts({"a": [0.2] * 8 + [130] * 16, "b": [200] * 24})
    assert [each.state for each in events] == ["firing", "resolved"]
    assert "so it is waited for" in sentence(events[1])
