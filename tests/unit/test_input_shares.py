"""Too much of an input is late or refused: people hear of it once, when it is worse, and when it is over."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest.late_share import CROWD_MIN, ITEMS_MIN, LateShare
from operators.ingest.partition import Partition
from operators.ingest.refused_share import HINTS_MAX
from operators.policy_file.toml import parse
from operators.window.watermark import NEVER
from operators.wire.control import ControlEvent, Notice
from tests.dataflows.making import POLICY, START_MS, received
from tests.dataflows.running import run_flow
from tests.oracle import Log

STARTED_MS = START_MS + 3_600_000
LIMITS = POLICY.replace("share_max = 1.0", "share_max = 0.2\nblock = 100")


def event(at: int, **fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "ts": at, "model": "m", "version": "v"} | fields).encode()


def told(after: Ints, late: NDArray[np.bool_], sizes: int) -> list[tuple[int, Notice]]:
    share, out = LateShare(), []
    for start in range(0, len(after), sizes):
        out += share.take("s", after[start : start + sizes], late[start : start + sizes])
    return out


def minutes(shares: list[float], per_minute: int = 200) -> tuple[Ints, NDArray[np.bool_]]:
    """Minutes of items, of each of which such a share is late."""
    after = START_MS // 60_000 * 60_000 + np.arange(len(shares) * per_minute) * 60_000 // per_minute
    late = np.concatenate([np.arange(per_minute) < share * per_minute for share in shares])
    return after, late


def test_a_share_of_late_items_is_told_when_it_begins_grows_and_ends() -> None:
    """The share of the minute before; what lasts is not told again."""
    after, late = minutes([0, 0.1, 0.15, 0.2, 0.6, 0.3, 0.7, 0.05, 0, 0])
    notices = told(after, late, 1_000)
    assert [(time // 60_000 - START_MS // 60_000, each.severity, each.bad) for time, each in notices] == [
        (2, "ticket", 30),
        (4, "page", 120),
        (7, None, 10),
    ]


def test_few_items_are_judged_together() -> None:
    after, late = minutes([0.5] * 8, per_minute=10)
    assert [each.n for _, each in told(after, late, 7)] == [ITEMS_MIN]


def test_all_are_late_while_time_stands_still() -> None:
    """More events than few had wrong times: the minute does not end until all others have come to it."""
    after, _ = minutes([0] * 3)
    stuck = np.concatenate((after, np.full(5_000, after[-1] + 300_000)))
    (notice,) = told(stuck, np.arange(len(stuck)) >= len(after), 500)
    assert (notice[1].severity, notice[1].n) == ("page", CROWD_MIN)


def test_shares_are_the_same_however_the_log_is_cut() -> None:
    random = np.random.default_rng(1)
    after = START_MS + np.cumsum(
        random.choice([0, 0, 0, 0, 50, 2_000, 90_000], 20_000, p=[0.2] * 4 + [0.1, 0.09, 0.01])
    )
    after[:20] = NEVER
    late = random.random(len(after)) < np.repeat(random.choice([0, 0.08, 0.12, 0.6], 200), 100)
    whole = told(after, late, len(after))
    assert len(whole) > 10
    for sizes in (1, 3, 49, 50, 1_000, 1_001):
        assert told(after, late, sizes) == whole


def refusals(one: Partition, messages: list[bytes], sizes: int) -> list[Notice]:
    return [
        notice
        for start in range(0, len(messages), sizes)
        for notice in one.take(received(messages[start : start + sizes], start)).notices
    ]


def messages_with(junk: list[bytes], every: int, count: int) -> list[bytes]:
    return [
        junk[index % len(junk)] if index % every == 0 else event(START_MS + index * 1_000) for index in range(count)
    ]


@pytest.mark.parametrize("sizes", [1, 7, 100, 250, 10_000])
def test_a_broken_producer_is_told_of_and_stops_nobody(sizes: int) -> None:
    """A fifth of junk once stopped the worker for all models. Who seems to send it is said."""
    team = event(0, team="search", endpoint="/v1", latency_ms="x", ts="never")
    messages = messages_with([b"x", team, team], 2, 300) + [event(START_MS + 400_000)] * 200
    one = Partition("topic/3", "events", ("topic/3",), parse(LIMITS))
    notices = refusals(one, messages, sizes)
    assert [(each.kind, each.severity, each.bad, each.n, each.number) for each in notices] == [
        ("refused", "page", 50, 100, 1),
        ("refused", None, 0, 100, 4),
    ]
    assert "sent by team search, endpoint /v1, model m: 33 items, unreadable: 17 items" in notices[0].what


def test_hints_at_producers_have_a_limit() -> None:
    one = Partition("p", "events", ("p",), parse(LIMITS.replace("block = 100", "block = 1000")))
    messages = [event(0, ts="x", team=f"t{index}" * 1_000) for index in range(1_000)]
    (notice,) = refusals(one, messages[:999], 100) + refusals(one, messages[999:], 1)
    assert f"others: {1_000 - HINTS_MAX} items" in notice.what
    assert len(notice.what) < 1_000


def alerts(events: list[ControlEvent]) -> list[tuple[str, str, str, list[str], bool]]:
    return [
        (each.rule, each.state, each.severity, [slice_.slice for slice_ in each.slices], each.silenced)
        for each in events
        if each.type == "alert"
    ]


def logs(*commands: dict[str, Any]) -> list[Log]:
    """Two partitions with junk for a while, one without; all of them serve until the end."""
    clean = [event(START_MS + index * 1_000) for index in range(1_200)]
    junk = [b"x" if 300 <= index < 600 and index % 2 else clean[index] for index in range(1_200)]
    more = [b"x" if 450 <= index < 800 and index % 3 == 0 else clean[index] for index in range(1_200)]
    said = [json.dumps(command).encode() for command in commands]
    found = [Log(name, "events", each) for name, each in (("clean", clean), ("half", junk), ("third", more))]
    return [*found, Log("said", "commands", said)]


def test_alerts_name_the_partitions_and_the_rest_goes_on() -> None:
    ran = run_flow(parse(LIMITS), logs(), STARTED_MS)
    assert ran.stop.error is None
    assert alerts(ran.control) == [
        ("input:refused", "firing", "page", ["source=half"], False),
        ("input:refused", "firing", "page", ["source=half", "source=third"], False),
        ("input:refused", "resolved", "info", ["source=third"], False),
    ]
    assert {each.model for each in ran.control} == {""}
    assert ran.control[0].reason.startswith("source=half: 50 of 100 messages were refused; sent by unreadable")
    assert all(each.runbook == "infra/runbooks/input.md" for each in ran.control if each.state == "firing")
    assert sum(row["n"] for row in ran.tables["outcome_pane"]) == 3_600 - ran.rejects
    again = run_flow(parse(LIMITS), logs(), STARTED_MS, sizes=lambda: 37)
    assert [msgspec.json.encode(each) for each in again.control] == [msgspec.json.encode(each) for each in ran.control]


def test_a_silence_mutes_them_and_what_still_fires_is_told_when_it_ends() -> None:
    silence = {"type": "silence", "id": "s", "ts": START_MS, "until": START_MS + 500_000, "rule": "input:refused"}
    ran = run_flow(parse(LIMITS), logs(silence), STARTED_MS)
    said = alerts(ran.control)
    assert said[:2] == [
        ("commands:silence", "firing", "info", [], False),
        ("input:refused", "firing", "page", ["source=half"], True),
    ]
    assert ("input:refused", "firing", "page", ["source=half", "source=third"], False) in said
    assert said[-1] == ("input:refused", "resolved", "info", ["source=third"], False)


def test_late_events_are_an_alert_with_the_partition() -> None:
    """A producer sends old events for some minutes, three of ten."""
    random = np.random.default_rng(2)
    times = START_MS + np.arange(6_000) * 100
    times[(np.arange(6_000) // 1_200 == 2) & (random.random(6_000) < 0.3)] -= 60_000
    ran = run_flow(parse(LIMITS), [Log("topic/1", "events", [event(int(ts)) for ts in times])], STARTED_MS)
    assert alerts(ran.control) == [
        ("input:late", "firing", "ticket", ["source=topic/1"], False),
        ("input:late", "resolved", "info", ["source=topic/1"], False),
    ]
    assert START_MS + 240_000 <= ran.control[0].ts <= START_MS + 330_000
