"""Wrong clocks do not put off a rollback: events ahead of their time beside a candidate that turns bad."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.policy.worker import SHARDS
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.shards import shard_of
from operators.window.windows import PaneWithWindows, Windows
from tests.dataflows.making import START_MS, received
from tests.releasing import policy

RULES = policy()
FOLLOWS_ALL = msgspec.structs.replace(RULES, outliers=0)
BATCH_S = 5.0  # Of honest events, read at once: when something is said is known to so many seconds.
WITHIN_MS = 30_000


@cache
def events(count: int, per_second: float) -> list[dict[str, Any]]:
    """A fifth of the second half goes to v2, which fails often."""
    random = np.random.default_rng(4)
    lag, to_new, fails = random.integers(0, 1_500, count), random.random(count) < 0.2, random.random(count)
    out = []
    for index in range(count):
        new = index >= count // 2 and to_new[index]
        error = "500" if fails[index] < (0.4 if new else 0.01) else None
        ts = START_MS + int(index * 1_000 / per_second) - int(lag[index])
        version = "v2" if new else "v1"
        out.append({"request_id": f"r{index}", "ts": ts, "model": "m", "version": version, "error_type": error})
    return out


def with_forged(honest: Sequence[dict[str, Any]], where: Ints, ahead_ms: int) -> list[dict[str, Any]]:
    """Put an event that is ahead before each of the places named."""
    out: list[dict[str, Any]] = []
    forged = dict(zip(*np.unique(where, return_counts=True), strict=True))
    for index, each in enumerate(honest):
        count = int(forged.get(index, 0))
        out += [{**each, "request_id": f"f{index}.{n}", "ts": each["ts"] + ahead_ms} for n in range(count)]
        out.append(each)
    return out


def rolled_back(log: Sequence[dict[str, Any]], rules: Policy, per_second: float) -> tuple[int, int] | None:
    """When the rollback is of, and the honest time of the log when it is said; None if never before its end."""
    source = Partition("log", "events", ("log",), rules)
    panes, windows, judge = Panes(rules), Windows(rules, tuple(QUANTILES.values())), ShardEvaluation(rules)
    shard, now = shard_of("m", SHARDS), 0
    size = round(BATCH_S * per_second)
    for start in range(0, len(log), size):
        some = log[start : start + size]
        batch = source.take(received([json.dumps(each).encode() for each in some], start))
        now = max((each["ts"] for each in some if each["request_id"].startswith("r")), default=now)
        (item,) = [item for at, item in batch.inputs if at == shard]
        for closed in panes.push(item):
            assert isinstance(closed, Closed)
            for judged in judge.push(PaneWithWindows(closed=closed, windows=tuple(windows.push(closed)))):
                for event in judged.events:
                    if event.type == "rollback":
                        return event.ts, now
    return None


@cache
def undisturbed(count: int, per_second: float) -> tuple[int, int]:
    found = rolled_back(events(count, per_second), RULES, per_second)
    assert found is not None
    return found


def scattered(share: float, count: int) -> Ints:
    return np.flatnonzero(np.random.default_rng(6).random(count) < share)


# How many honest events, how many of them a second, and before which of them a forged one comes.
CASES: dict[str, tuple[int, float, Ints]] = {
    "9 of 12,009 in a row": (12_000, 20.0, np.full(9, 6_100)),
    "9 of 12,009 here and there": (12_000, 20.0, np.arange(1_000, 10_000, 1_000)),
    "2 of 60,002": (60_000, 100.0, np.array([10, 30_100])),
    "1 % at random": (12_000, 20.0, scattered(0.01, 12_000)),
    "1 % at random, thin": (3_000, 2.0, scattered(0.01, 3_000)),
    "every 100th": (12_000, 20.0, np.arange(99, 12_000, 100)),
    "an array of 100": (12_000, 20.0, np.full(100, 6_100)),
    "arrays of 100, 1 % in all": (30_000, 100.0, np.repeat([5_000, 14_900, 15_600], 100)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ahead_ms", [240_000, 3_600_000])
def test_a_rollback_comes_as_soon_with_wrong_clocks_as_without(name: str, ahead_ms: int) -> None:
    """Of the pane of the undisturbed run, or one within 30 s, and said within 30 s of it."""
    count, per_second, where = CASES[name]
    disturbed = rolled_back(with_forged(events(count, per_second), where, ahead_ms), RULES, per_second)
    assert disturbed is not None
    wanted = undisturbed(count, per_second)
    assert max(abs(a - b) for a, b in zip(disturbed, wanted, strict=True)) <= WITHIN_MS


def test_waiting_for_some_more_events_puts_off_a_rollback_by_seconds() -> None:
    """Against time that follows each event, without any wrong clock."""
    now, once = undisturbed(12_000, 20.0), rolled_back(events(12_000, 20.0), FOLLOWS_ALL, 20.0)
    assert once is not None
    assert now[0] == once[0]
    assert now[1] - once[1] <= 2 * RULES.disorder_ms


def test_time_that_follows_each_event_is_stolen_by_few() -> None:
    """What a wrong clock does where `outliers` is 0."""
    count, per_second, where = CASES["9 of 12,009 here and there"]
    assert rolled_back(with_forged(events(count, per_second), where, 240_000), FOLLOWS_ALL, per_second) is None
