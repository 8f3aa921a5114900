"""Commands of one partition: to which shard and pane they go, and which are refused."""

import json
from typing import Any

import pytest

from operators.ingest.credentials import Credentials
from operators.ingest.partition import Partition
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.shards import shard_of
from operators.window.waiting_commands import AtStart
from operators.window.watermark import NEVER
from operators.wire.commands import RING_SLICES_MAX, RINGS_MAX, Release
from operators.wire.control import Notice, Refusal
from operators.wire.events import TEXT_MAX
from operators.wire.signing import sign
from tests.dataflows.making import FOLLOWS_ALL, POLICY, START_MS, received

KEY = "a key of some length"
PANE = START_MS // 10_000
WEEK = 7 * 86_400_000


def release(**fields: Any) -> dict[str, Any]:
    body = {"type": "release", "id": "r1", "ts": START_MS, "model": "m", "candidate": "v2", "baseline": "v1"}
    return body | fields


def partition(key: str | None = None) -> Partition:
    return Partition("commands", "commands", ("commands",), parse(FOLLOWS_ALL), Credentials(key=key))


def taken(one: Partition, *bodies: dict[str, Any] | bytes) -> tuple[list[tuple[int, int, str]], list[tuple[str, str]]]:
    """What was said, as (shard, closing pane, id or reason), and the (reason, detail) of what was refused."""
    batch = one.take(received([body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]))
    said = [
        (shard, closing, each.reason if isinstance(each, Refusal) else each.command.id)
        for shard, item in batch.inputs
        for closing, each in item.commands
        if not isinstance(each, Notice | AtStart)
    ]
    return said, [(reject.reason, reject.detail) for reject in batch.rejects]


def test_a_command_goes_to_the_shard_of_its_model_and_every_shard_hears_that_time_has_passed() -> None:
    one = partition()
    batch = one.take(received([json.dumps(release()).encode()]))
    assert len(batch.inputs) == SHARDS
    assert {item.mark.newest for _, item in batch.inputs} == {START_MS}
    assert taken(partition(), release()) == ([(shard_of("m", SHARDS), PANE, "r1")], [])


def test_a_silence_of_a_rule_goes_to_every_shard() -> None:
    said, _ = taken(
        partition(), {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + 1, "rule": "canary"}
    )
    assert [shard for shard, _, _ in said] == list(range(SHARDS))
    said, _ = taken(partition(), {"type": "unsilence", "id": "s", "ts": START_MS, "rule": "canary"})
    assert [shard for shard, _, _ in said] == list(range(SHARDS))


def test_a_silence_of_a_week_is_taken() -> None:
    week = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + WEEK, "rule": "canary"}
    assert taken(partition(), week)[1] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (release(candidate="v1"), "bad_command"),
        (release(traffic_share=1.0), "out_of_range"),
        (release(type="destroy"), "wrong_type"),
        (release(rings=[{"region": "eu"}] * (RINGS_MAX + 1)), "out_of_range"),
        (release(rings=[{f"d{number}": "x" for number in range(RING_SLICES_MAX + 1)}]), "out_of_range"),
        (release(rings=[{"region": "x" * (TEXT_MAX + 1)}]), "out_of_range"),
        (release(rings=[{"x" * (TEXT_MAX + 1): "eu"}]), "out_of_range"),
        ({"type": "silence", "id": "s", "ts": START_MS, "until": START_MS}, "bad_command"),
        ({"type": "silence", "id": "s", "ts": START_MS, "rule": "r", "until": START_MS + WEEK + 1}, "bad_command"),
        (
            {"type": "silence", "id": "s", "ts": START_MS, "rule": "r", "until": "1990-01-01T00:00:00Z"},
            "absurd_timestamp",
        ),
        ({"type": "unsilence", "id": "s", "ts": START_MS}, "bad_command"),
        ({"type": "ack", "id": "a", "ts": START_MS, "model": "m"}, "missing_field"),
        (release(ts=START_MS + 10**9), "absurd_timestamp"),
        (b"{", "bad_json"),
    ],
)
def test_a_bad_command_is_a_dead_letter_and_is_told_of(body: dict[str, Any] | bytes, reason: str) -> None:
    if isinstance(body, dict) and body["ts"] != START_MS:
        body["ts"], reason = START_MS + 10 * 3_600_000 + 120_000, "future_timestamp"
    said, refused = taken(partition(), body)
    assert [each for _, _, each in said] == [reason]
    assert [each for each, _ in refused] == [reason]


def test_with_a_key_only_signed_commands_are_taken() -> None:
    good = release(id="r2")
    good["signature"] = sign(good, KEY)
    forged = good | {"candidate": "v3", "id": "r3"}
    said, refused = taken(partition(KEY), release(), forged, good)
    assert [reason for reason, _ in refused] == ["unsigned", "bad_signature"]
    assert [each for _, _, each in said if each.startswith("r")] == ["r2"]


def test_a_forged_command_does_not_use_up_its_id() -> None:
    one = partition(KEY)
    taken(one, release())
    good = release()
    good["signature"] = sign(good, KEY)
    assert taken(one, good)[1] == []


def test_many_bad_commands_do_not_stop_the_worker() -> None:
    assert len(partition().take(received([b"x"] * 5_000)).rejects) == 5_000


def closed(panes: Panes, one: Partition, *bodies: dict[str, Any]) -> list[tuple[int, list[str]]]:
    """The panes that close when these are taken, and the ids that take effect with each."""
    batch = one.take(received([json.dumps(body).encode() for body in bodies]))
    out = panes.push(dict(batch.inputs)[shard_of("m", SHARDS)])
    return [
        (item.pane - PANE, [each.id for each in item.commands if isinstance(each, Release)])
        for item in out
        if isinstance(item, Closed)
    ]


def test_commands_take_effect_with_their_pane_in_order_of_time_and_id() -> None:
    one = partition()
    panes = Panes(one.policy)
    said = [release(id="b"), release(id="a"), release(id="c", ts=START_MS - 1), release(id="d", ts=START_MS + 20_000)]
    assert closed(panes, one, *said) == [(0, ["c", "a", "b"])]
    assert closed(panes, one, release(id="e", ts=START_MS + 60_000)) == [(2, ["d"]), (4, [])]


def test_a_command_whose_pane_has_closed_takes_effect_with_the_next() -> None:
    one = partition()
    panes = Panes(one.policy)
    assert closed(panes, one, release(), release(id="r2", ts=START_MS + 100_000)) == [(0, ["r1"]), (8, [])]
    late = closed(panes, one, release(id="late", ts=START_MS + 1_000), release(id="on", ts=START_MS + 140_000))
    assert late == [(10, ["late", "r2"]), (12, [])]


def test_a_command_from_a_partition_that_nobody_waited_for_takes_effect_with_the_next_pane() -> None:
    one = partition()
    panes = Panes(one.policy)
    closed(panes, one, release(), release(id="r2", ts=START_MS + 100_000))
    other = partition()
    assert closed(panes, other, release(id="slow"), release(id="on", ts=START_MS + 140_000)) == [
        (9, ["slow"]),
        (10, ["r2"]),
        (12, []),
    ]


def test_what_waits_is_saved() -> None:
    one = partition()
    panes = Panes(one.policy)
    closed(panes, one, release())
    again = Panes(one.policy, panes.save())
    assert closed(again, one, release(id="r2", ts=START_MS + 60_000)) == [(0, ["r1"]), (4, [])]


def test_what_names_no_model_wakes_no_shard() -> None:
    one = partition()
    panes = Panes(one.policy)
    silence = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + 1, "rule": "x"}
    assert closed(panes, one, silence, silence | {"id": "t", "ts": START_MS + 60_000}) == []
    assert panes.closed == NEVER


def test_one_command_moves_no_time_and_holds_up_none() -> None:
    """Of a command with a wrong clock the next ones are not late: each takes effect with its own pane, or the next."""
    one = Partition("commands", "commands", ("commands",), parse(POLICY))
    ahead = START_MS + 9 * 3_600_000
    said, refused = taken(one, release(ts=ahead), release(id="r2"), b"{}")
    assert {item.mark.newest for _, item in one.rest()} == {NEVER}
    # Of one that cannot be read it is told with the last pane that any command was of.
    own, home = shard_of("m", SHARDS), shard_of("", SHARDS)
    assert sorted(said) == sorted(
        [(own, ahead // 10_000, "r1"), (own, PANE, "r2"), (home, ahead // 10_000, "missing_field")]
    )
    assert len(refused) == 1
    assert taken(one, release(id="r3", ts=START_MS + 1))[0] == [(shard_of("m", SHARDS), PANE, "r3")]
