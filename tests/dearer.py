"""Logs of two versions of a shop, the newer one twenty times as expensive; and what users are worth."""

import json
from random import Random
from typing import Any

from tests.dataflows.making import POLICY
from tests.oracle import Log

START_MS = 1_760_000_000_000
BEGAN_S, END_S = 400, 1_000
DEARER = 20
BASE = POLICY.replace("[time]", "[time]\noutliers = 0").replace(
    '"feedback.judge"]', '"feedback.judge", "feedback.kpi"]'
)
Item = dict[str, Any]


def items(worth: float) -> tuple[list[Item], list[Item]]:
    """Return events and feedback; from BEGAN_S on a success of v2 is worth `worth` times as much as one of v1."""
    random = Random(4)
    events: list[Item] = []
    feedback: list[Item] = []
    for second in range(END_S):
        for number in range(4):
            version = "v2" if number % 2 and second >= BEGAN_S else "v1"
            dear = version == "v2"
            ts = START_MS + second * 1000 + number
            context: Item = {"request_id": f"r{second}-{number}", "model": "shop", "version": version}
            context |= {"slices": {"region": "eu", "segment": "pro"}}
            failed = random.random() < 0.05
            cost = random.uniform(0.001, 0.003) * (DEARER if dear else 1)
            events.append(context | {"ts": ts, "cost_usd": cost, "error_type": "timeout" if failed else None})
            if not failed:
                value = random.uniform(0.5, 1.5) * (worth if dear else 1.0)
                told = {"kind": "kpi", "name": "margin", "unit": "EUR", "value": value}
                feedback.append(context | told | {"ts": ts + 700, "request_ts": ts})
    return events, feedback


def logs(worth: float) -> list[Log]:
    events, feedback = items(worth)
    return [
        Log(name="events", stream="events", first=1, messages=[json.dumps(each).encode() for each in events]),
        Log(name="feedback", stream="feedback", first=1, messages=[json.dumps(each).encode() for each in feedback]),
    ]
