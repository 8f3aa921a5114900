"""A log in which a release is rolled back within minutes, and a policy to read it with: what a store holds then."""

import json
from random import Random

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from tests.oracle import Log
from tests.releasing import BASE, RELEASE, SLOWLY

START_MS = 1_760_000_000_000
PANE_MS = 10_000
PANES = 20


def policy() -> Policy:
    """Rollbacks in two panes; the windows and measures that boards and pages draw."""
    base = BASE.replace("sliding = []", 'sliding = [{ size = "5m", every = "10s" }]')
    return parse(
        base.replace('["latency_ms"]', '["latency_ms", "cost_usd", "input_tokens", "output_tokens"]') + SLOWLY + RELEASE
    )


def log(model: str = "m") -> Log:
    """v1 serves alone for two minutes, then v2 beside it, which fails two in five requests, until it is rolled back."""
    random = Random(7)
    events = []
    for pane in range(PANES):
        served = [("v1", 0.01)] * 60 + ([("v2", 0.4)] * 20 if pane in (12, 13) else [])
        for place, (version, share) in enumerate(served):
            failed = {"error_type": "timeout"} if random.random() < share else {}
            event = {
                "request_id": f"{pane}-{place}",
                "ts": START_MS + pane * PANE_MS + place,
                "model": model,
                "version": version,
                "slices": {"region": "eu"},
                "latency_ms": 20 + place,
                "cost_usd": 0.002,
                "input_tokens": 500,
                "output_tokens": 80 + place,
            }
            events.append(json.dumps(event | failed).encode())
    return Log("events", "events", events)
