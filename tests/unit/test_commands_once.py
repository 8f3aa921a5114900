"""A command is obeyed once, whoever sends it again, and to whichever partition."""

import json
from typing import Any

import msgspec
import pytest

from operators.connectors.kafka.client import check_one
from operators.connectors.kafka.errors import KafkaFailure
from operators.ingest.partition import Partition
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window import waiting_commands
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.shards import shard_of
from operators.window.waiting_commands import AtStart, Obeyed
from operators.window.watermark import NEVER
from operators.wire.commands import AnyCommand, Silence, Unsilence
from operators.wire.control import Notice, Refusal
from tests.dataflows.making import FOLLOWS_ALL, START_MS, received
from tests.saving import again

HOUR, DAY = 3_600_000, 86_400_000
WIDE = parse(FOLLOWS_ALL.replace('late_horizon = "10m"', 'late_horizon = "24h"'))
SOURCES = ("commands/0", "commands/1")


def override(name: str, ts: int = START_MS, **fields: Any) -> dict[str, Any]:
    return {"type": "override", "id": name, "ts": ts, "model": "m", "version": "v2"} | fields


def partitions() -> list[Partition]:
    return [Partition(source, "commands", SOURCES, WIDE) for source in SOURCES]


def heard(
    panes: Panes, one: Partition, *bodies: dict[str, Any], shard: int | None = None
) -> list[AnyCommand | Refusal]:
    """What takes effect in a shard as these are taken."""
    now = max(body["ts"] for body in bodies)
    batch = one.take(received([json.dumps(body).encode() for body in bodies], received_ms=now))
    out = panes.push(dict(batch.inputs)[shard_of("m", SHARDS) if shard is None else shard])
    said = [said for item in out if isinstance(item, Closed) for said in item.commands]
    return [each for each in said if not isinstance(each, Notice | AtStart)]


def words(said: list[AnyCommand | Refusal]) -> list[tuple[str, ...]]:
    return [(each.reason, each.source) if isinstance(each, Refusal) else (each.id,) for each in said]


LATER = override("later", START_MS + 2 * HOUR)
REVOKED = override("revoked", START_MS + HOUR, revoked=True)
HISTORY = [
    (0, [override("once"), REVOKED, LATER]),
    (1, [override("once"), override("other", START_MS + 2 * HOUR)]),  # Somebody recorded it.
]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_copy_in_another_partition_has_no_effect_whichever_is_read_first(order: tuple[int, int]) -> None:
    """A revoked override was once obeyed again like this."""
    panes, both, told = Panes(WIDE), partitions(), []
    for at in order:
        told += heard(panes, both[at], *HISTORY[at][1])
    told += heard(panes, both[0], override("end", START_MS + 3 * HOUR))
    told += heard(panes, both[1], override("end2", START_MS + 3 * HOUR))
    assert words(told) == [("once",), ("repeated", "commands/1"), ("revoked",), ("later",), ("other",)]


def test_a_copy_in_a_partition_that_was_silent_is_obeyed_neither_after_a_day_nor_after_a_month() -> None:
    panes, both = Panes(WIDE), partitions()
    told = heard(panes, both[0], override("once"), REVOKED)
    both[1].take(received([]))
    for days in (1, 31):
        again, after = START_MS + days * DAY, START_MS + (days + 1) * DAY
        told += heard(panes, both[0], override(f"on{days}", again))
        told += heard(panes, both[1], override("once"), override(f"there{days}", again))
        both[1].state.newest = START_MS  # As if it were read for the first time.
        told += heard(panes, both[0], override(f"end{days}", after))
        told += heard(panes, both[1], override(f"also{days}", after))
    assert words(told).count(("once",)) == 1
    refused = [each for each in words(told) if len(each) == 2]
    assert refused == [("repeated", "commands/1"), ("too_late", "commands/1")]


def test_a_command_is_taken_once_also_after_a_restart() -> None:
    panes = Panes(WIDE)
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    assert words(heard(panes, alone, override("once"), LATER)) == [("once",)]
    panes = Panes(WIDE, again(panes.save()))
    more = [override("once", START_MS + 2 * HOUR), override("end", START_MS + 3 * HOUR)]
    assert words(heard(panes, alone, *more)) == [("later",), ("repeated", "commands/0")]


def test_of_two_in_one_pane_the_earlier_is_obeyed() -> None:
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    told = heard(Panes(WIDE), alone, override("a", START_MS + 1), override("a"), LATER)
    assert [each.ts for each in told if not isinstance(each, Refusal)] == [START_MS]
    assert [each.position for each in told if isinstance(each, Refusal)] == [1]


def test_people_hear_of_a_repeat() -> None:
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    (_, refusal) = heard(Panes(WIDE), alone, override("a"), override("a"), LATER)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.detail, refusal.model) == ("repeated", "command a was taken before", "m")


def test_a_repeated_silence_of_all_models_is_told_of_by_one_shard() -> None:
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    silence = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + DAY, "rule": "slo"}
    batch = alone.take(received([json.dumps(each).encode() for each in (silence, silence, LATER)]))
    told = []
    for shard, item in batch.inputs:
        panes = Panes(WIDE)
        panes.closed = START_MS // WIDE.pane_ms - 1  # Something has happened in each.
        told += [(shard, said) for out in panes.push(item) if isinstance(out, Closed) for said in out.commands]
    assert len([each for _, each in told if isinstance(each, Silence)]) == SHARDS
    assert [shard for shard, each in told if isinstance(each, Refusal)] == [shard_of("", SHARDS)]


@pytest.mark.parametrize("closed", [NEVER, START_MS // WIDE.pane_ms - 1])
def test_the_end_of_a_silence_of_all_models_is_for_one_shard_to_tell_of(closed: int) -> None:
    """Also if nothing has ever happened there."""
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    ended = {"type": "unsilence", "id": "s", "ts": START_MS, "rule": "slo"}
    batch = alone.take(received([json.dumps(each).encode() for each in (ended, LATER)]))
    told = []
    for shard, item in batch.inputs:
        panes = Panes(WIDE)
        panes.closed = closed
        told += [(shard, said) for out in panes.push(item) if isinstance(out, Closed) for said in out.commands]
    named = [shard for shard, each in told if isinstance(each, Unsilence) and each.model == ""]
    assert named == [shard_of("", SHARDS)]
    others = [shard for shard, each in told if isinstance(each, Unsilence) and each.model is None]
    assert len(others) == (0 if closed == NEVER else SHARDS - 1)


def test_of_a_silence_of_all_models_that_is_over_nobody_hears_where_no_model_is() -> None:
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    silence = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + DAY, "rule": "slo"}
    panes = Panes(WIDE)
    told = heard(panes, alone, silence, override("a", START_MS + 40 * DAY), override("b", START_MS + 41 * DAY))
    assert words(told) == [("a",)]


def test_a_silence_of_a_model_that_nobody_has_heard_of_waits_for_its_own_time_alone() -> None:
    """It waited until anything else came to that shard, so who mistyped a name at night heard nothing."""
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    silence = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + DAY, "model": "m"}
    elsewhere = next(name for name in map("m{}".format, range(99)) if shard_of(name, SHARDS) != shard_of("m", SHARDS))
    panes = Panes(WIDE)
    told = heard(panes, alone, silence, override("other", START_MS + HOUR, model=elsewhere))
    assert words(told) == [("s",)]
    assert panes.save().commands == ()


@pytest.mark.parametrize("named", [{"model": "m"}, {"rule": "slo"}])
@pytest.mark.parametrize("sent_days", [0, 7])
def test_a_silence_that_ended_before_it_could_begin_is_refused(named: dict[str, str], sent_days: int) -> None:
    """With a time that was past, or to a worker that was behind: nobody heard, and it was in no table."""
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    at, shard = START_MS + sent_days * DAY, shard_of(named.get("model", ""), SHARDS)
    silence = {"type": "silence", "id": "s", "ts": START_MS + 60_000, "until": START_MS + 1} | named
    panes = Panes(WIDE)
    panes.closed = at // WIDE.pane_ms
    told = heard(panes, alone, silence, override("end", at + 2 * HOUR), shard=shard)
    assert words(told)[:1] == [("over", "commands/0")]


def test_ids_have_a_limit_and_what_was_forgotten_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds a key and sends a flood cannot make room for what was recorded."""
    monkeypatch.setattr(waiting_commands, "OBEYED_MAX", 100)
    alone = Partition("commands/0", "commands", ("commands/0",), WIDE)
    panes = Panes(WIDE)
    flood = [override(f"f{number}", START_MS + 60_000 + number) for number in range(120)]
    told = heard(panes, alone, override("once"), *flood, LATER)
    assert len(told) == 121
    assert len(panes.commands.obeyed.ids) == 100
    told = heard(panes, alone, override("once"), override("end", START_MS + 3 * HOUR))
    assert words(told) == [("later",), ("repeated", "commands/0")]


def test_ids_are_forgotten_when_so_old_a_command_would_be_refused_anyway() -> None:
    seen = Obeyed(ids={"a": 1, "b": 2})
    seen.forget_before(2)
    assert (seen.ids, seen.floor < 0) == ({"b": 2}, True)


def test_the_topic_of_commands_has_one_partition() -> None:
    check_one("commands", [("events", 0), ("events", 1), ("commands", 0)])
    with pytest.raises(KafkaFailure, match="topic commands has 2 partitions, and must have one"):
        check_one("commands", [("commands", 0), ("commands", 1)])


def test_an_id_is_used_up_by_its_own_key_and_model_alone() -> None:
    """Who may acknowledge on one model of a shard could use up the id of a kill on another; so could a pipeline."""
    two = next(name for name in map("m{}".format, range(1_000)) if shard_of(name, SHARDS) == shard_of("m", SHARDS))
    bodies = [
        {"type": "ack", "id": "deploy-17", "ts": START_MS, "model": two, "event": "e"},
        {"type": "kill", "id": "deploy-17", "ts": START_MS + 1, "model": "m", "version": "v2", "key": "other"},
        {"type": "kill", "id": "deploy-17", "ts": START_MS + 2, "model": "m", "version": "v2"},
        {"type": "kill", "id": "deploy-17", "ts": START_MS + 3, "model": "m", "version": "v3"},
    ]
    one, panes = Partition("log", "commands", ("log",), WIDE), Panes(WIDE)
    values = [json.dumps(body).encode() for body in bodies]
    given = dict([*one.take(received(values)).inputs])[shard_of("m", SHARDS)], dict(one.end())[shard_of("m", SHARDS)]
    closed = [item for each in given for item in panes.push(each) if isinstance(item, Closed)]
    said = [each for item in closed for each in item.commands if not isinstance(each, Notice | AtStart)]
    assert words(said) == [("deploy-17",)] * 3 + [("repeated", "log")]
    assert panes.save().obeyed.ids.keys() == {f"{two}\0\0deploy-17", "m\0other\0deploy-17", "m\0\0deploy-17"}


def test_what_older_stores_say_was_taken_stays_taken() -> None:
    obeyed = Obeyed(ids={"deploy-17": START_MS})
    command = msgspec.convert(override("deploy-17"), AnyCommand)
    assert obeyed.fault_of(command, NEVER) == ("repeated", "command deploy-17 was taken before")


@pytest.mark.parametrize("batch", [1, 2, 9])
def test_a_silence_of_all_models_takes_effect_at_its_time_however_much_is_read_at_once(batch: int) -> None:
    """In one batch with what closed the first pane of a shard it waited for the next pane that something came in."""
    quiet = {"type": "silence", "id": "quiet", "ts": START_MS + HOUR, "until": START_MS + 9 * HOUR, "rule": "slo"}
    bodies = [override("first"), quiet, override("last", START_MS + 2 * HOUR), override("end", START_MS + 3 * HOUR)]
    one, panes, found = Partition("log", "commands", ("log",), WIDE), Panes(WIDE), []
    values = [json.dumps(body).encode() for body in bodies]
    for first in range(0, len(values), batch):
        taken = one.take(received(values[first : first + batch], first + 1, START_MS + DAY))
        found += panes.push(dict(taken.inputs)[shard_of("m", SHARDS)])
    found += panes.push(dict(one.end())[shard_of("m", SHARDS)])
    obeyed = [
        (
            item.pane - START_MS // WIDE.pane_ms,
            [each.id for each in item.commands if not isinstance(each, Notice | Refusal | AtStart)],
        )
        for item in found
        if isinstance(item, Closed) and item.commands
    ]
    hour = HOUR // WIDE.pane_ms
    assert obeyed == [(0, ["first"]), (hour, ["quiet"]), (2 * hour, ["last"]), (3 * hour, ["end"])]
