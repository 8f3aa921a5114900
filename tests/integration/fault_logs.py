"""Logs for runs with random faults, of two models one of which goes bad, and what a replay makes of them.

A topic of events has one partition more than at the beginning, whose events all come later than those of the first
half of the others: it is added when these have been read.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from tests.integration.test_worker import ENDS, MONITORS, REST_MS, START_MS, Logs, ends, event, profiled, replayed

PARTITIONS = 3  # Of events, until one is added.
SPACING_MS = 600
LATE_MS = 60_000  # An event may come so much later than others of its partition.
JUDGED = {"kind": "judge", "source": "judge-1"}


class Made(msgspec.Struct, frozen=True):
    """Logs by topic and partition, the policy to read them with, and the rows and control events of a replay."""

    logs: Logs
    policy: Path
    wanted: dict[str, list[str]]
    half_ms: int
    end_ms: int


def made(random: Random, count: int, folder: Path) -> Made:
    """Make logs of about `count` events a partition."""
    half_ms = START_MS + count * SPACING_MS // 2
    end_ms = START_MS + count * SPACING_MS + 2 * LATE_MS + REST_MS + ENDS * 10_000
    logs = {
        "events": [_events(random, START_MS, count, half_ms, end_ms) for _ in range(PARTITIONS)]
        + [_events(random, half_ms + 2 * LATE_MS, count // 2, half_ms, end_ms)],
        "feedback": [_feedback(random, count // 10, end_ms) for _ in range(2)],
        "commands": [_commands(count * SPACING_MS, end_ms)],
    }
    policy = profiled(logs, folder)
    # Silence must not count here: it is the one thing by which a live run may differ from a replay.
    text = policy.read_text()
    assert 'idle = { events = "30s", feedback = "5s", commands = "1s" }' in text
    policy.write_text(
        text.replace(
            'idle = { events = "30s", feedback = "5s", commands = "1s" }',
            'idle = { events = "2h", feedback = "2h", commands = "2h" }',
        )
    )
    assert MONITORS in policy.read_text()
    return Made(logs, policy, replayed(logs, policy, folder), half_ms, end_ms)


def time_of(line: bytes) -> int:
    """When an item says that it was; 0 for what cannot be read."""
    try:
        return int(json.loads(line)["ts"])
    except (ValueError, KeyError):
        return 0


def _events(random: Random, start_ms: int, count: int, bad_from_ms: int, end_ms: int) -> list[bytes]:
    log = []
    for index in range(count):
        at = start_ms + index * SPACING_MS - (random.randrange(LATE_MS) if random.random() < 0.01 else 0)
        body = event(random, at, random.choice(["checkout", "search"]))
        if at > bad_from_ms and (body["model"], body["version"]) == ("search", "v2") and random.random() < 0.3:
            body["error_type"] = "500"
        line = json.dumps(body).encode()
        log.append(line[:-9] if random.random() < 0.001 else line)
    return [*log, *(json.dumps(event(random, at, "end")).encode() for at in ends(end_ms))]


def _feedback(random: Random, count: int, end_ms: int) -> list[bytes]:
    log = [
        event(random, START_MS + index * SPACING_MS * 10, "checkout") | JUDGED | {"value": random.randint(1, 5)}
        for index in range(count)
    ]
    log += [event(random, at, "end") | JUDGED | {"value": 5} for at in ends(end_ms)]
    return [json.dumps(body).encode() for body in log]


def _commands(span_ms: int, end_ms: int) -> list[bytes]:
    override = {"type": "override", "model": "search", "version": "v2"}
    release = {"type": "release", "model": "search", "candidate": "v2", "baseline": "v1"}
    log: Sequence[dict[str, object]] = [
        release | {"id": "c1", "ts": START_MS + 5_000},
        {"type": "obey", "id": "c2", "ts": START_MS + 15_000},
        override | {"id": "c3", "ts": START_MS + span_ms * 9 // 10 + 5_000},
        # Time passes in this partition, too: nothing else would, without it.
        *(
            {"type": "ack", "id": f"t{at}", "ts": START_MS + at, "model": "end", "event": "none"}
            for at in [*range(0, span_ms, 10_000), *(at - START_MS for at in ends(end_ms))]
        ),
    ]
    return [json.dumps(each).encode() for each in sorted(log, key=lambda each: int(str(each["ts"])))]
