"""Unsafe answers lead to a kill or a throttle of whatever serves within a minute of event time, by flags or by judges.

Version v1 serves alone, and no release is under way; then v2 beside it. From ONSET on one in five answers is unsafe.
"""

import json
from random import Random
from typing import Any

import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.dataflows.making import POLICY
from tests.dataflows.running import run_flow
from tests.oracle import Log

START_MS = 1_760_000_000_000
ONSET_S, END_S = 700, 820
RULES = (
    POLICY.replace("[time]", "[time]\noutliers = 0")
    + """
[sli.unflagged]
good = "flag_absent"
flags = ["unsafe"]

[sli.safe]
good = "at_most"
field = "feedback.safety"
limit = 0.5

[[rule]]
name = "unsafe"
kind = "threshold"
sli = "SLI"
target = 0.98
window = "1m"
action = "ACTION"
severity = "page"
"""
)


def _policy(sli: str, action: str) -> Policy:
    return parse(RULES.replace("SLI", sli).replace("ACTION", action))


def _logs(versions: int, flagged: bool) -> list[Log]:
    """Two requests a second of each version; of v1 each safety judgement, or flag, from ONSET on."""
    random = Random(3)
    events: list[dict[str, Any]] = []
    judged: list[dict[str, Any]] = []
    for second in range(END_S):
        for number in range(2 * versions):
            version = f"v{number % versions + 1}"
            if version == "v2" and second < 400:
                continue
            worst = f"v{versions}"
            unsafe = version == worst and second >= ONSET_S and random.random() < 0.2
            ts = START_MS + second * 1000 + number
            event = {
                "request_id": f"r{second}-{number}", "ts": ts, "model": "chat", "version": version,
                "slices": {"region": "eu", "segment": "pro"}, "flags": ["unsafe"] if unsafe and flagged else [],
            }  # fmt: skip
            context = {name: event[name] for name in ("request_id", "model", "version", "slices")}
            events.append(event)
            judged.append(
                context | {"ts": ts + 500, "request_ts": ts, "kind": "safety", "value": 0.9 if unsafe else 0.1}
            )
    logs = [Log(name="events", stream="events", first=1, messages=[json.dumps(each).encode() for each in events])]
    if not flagged:
        lines = [json.dumps(each).encode() for each in judged]
        logs.append(Log(name="feedback", stream="feedback", first=1, messages=lines))
    return logs


@pytest.mark.parametrize(
    ("sli", "action", "versions"),
    [("unflagged", "kill", 1), ("safe", "kill", 1), ("safe", "throttle", 2), ("unflagged", "kill", 2)],
)
def test_whatever_serves_is_taken_out_within_a_minute(sli: str, action: str, versions: int) -> None:
    policy = _policy(sli, action)
    ran = run_flow(policy, _logs(versions, flagged=sli == "unflagged"), START_MS + END_S * 1000)
    said: list[ControlEvent] = [event for event in ran.control if event.type in ("kill", "throttle", "rollback")]
    first = said[0]
    assert (first.type, first.version, first.rule) == (action, f"v{versions}", "unsafe")
    assert START_MS + ONSET_S * 1000 < first.ts <= START_MS + (ONSET_S + 60) * 1000
    assert not [event for event in ran.control if event.ts <= START_MS + ONSET_S * 1000 and event.rule == "unsafe"]
