"""A log in which a release is rolled back within minutes, and a policy for it: to fill a store."""

import json
from random import Random

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from tests.oracle import Log
from tests.releasing import BASE, RELEASE, SLOWLY, THRESHOLD

START_MS = 1_760_000_000_000
PANE_MS = 10_000
PANES = 20
WINDOWS = 'sliding = [{ size = "5m", every = "10s" }]'
MEASURES = '["latency_ms", "cost_usd", "input_tokens", "output_tokens"]'


def policy() -> Policy:
    """A policy that rolls back within two panes, with the windows and measures that boards and pages draw."""
    base = BASE.replace("sliding = []", WINDOWS)
    return parse(base.replace('["latency_ms"]', MEASURES) + SLOWLY + RELEASE)


def held_policy() -> Policy:
    """As above, but a threshold holds the release before five minutes have proved the harm; its SLI is `correct`."""
    base = BASE.replace("sliding = []", WINDOWS).replace('["latency_ms"]', MEASURES)
    held = THRESHOLD.replace('action = "alert"', 'action = "hold"')
    canary = SLOWLY.replace('blip = "0s"', 'blip = "1m"')
    text = base + canary + held + RELEASE
    return parse(text.replace("[sli.ok]", "[sli.correct]").replace('"ok"', '"correct"'))


def log(model: str = "m", panes: int = PANES, last: int = 14, eu_alone: bool = False, ill: int = 0) -> Log:
    """v1 serves alone for two minutes, then v2 beside it up to pane `last`, which fails two in five requests.

    With `eu_alone` it fails only in one of two regions; it fails from pane `ill` on.
    """
    random = Random(7)
    events = []
    for pane in range(panes):
        served = [("v1", 0.01)] * 60 + ([("v2", 0.4)] * 20 if 12 <= pane < last else [])
        for place, (version, share) in enumerate(served):
            region = "us" if eu_alone and place % 2 else "eu"
            likely = share if region == "eu" and pane >= ill else 0.01
            failed = {"error_type": "timeout"} if random.random() < likely else {}
            event = {
                "request_id": f"{pane}-{place}",
                "ts": START_MS + pane * PANE_MS + place,
                "model": model,
                "version": version,
                "slices": {"region": region},
                "latency_ms": 20 + place,
                "cost_usd": 0.002,
                "input_tokens": 500,
                "output_tokens": 80 + place,
            }
            events.append(json.dumps(event | failed).encode())
    return Log("events", "events", events)
