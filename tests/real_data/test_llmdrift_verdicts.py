"""LLMDrift as a release: GPT-4 of June beside that of March is rolled back after some forty answers of each, or within
five minutes where bursts of a minute may decide nothing.

Both versions answer in turn, one request a second, in an order drawn by a seed.
"""

import os
from collections.abc import Sequence
from functools import cache
from random import Random
from statistics import median

import msgspec
import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.dataflows.making import STARTED_MS
from tests.dataflows.running import run_flow
from tests.oracle import Log
from tests.policies import base, sli
from tests.real_data.llmdrift import START, requests, scores
from tests.real_data.replayed import Item

pytestmark = pytest.mark.real_data

SEEDS = 100 if os.environ.get("ROLLGUARD_PROVE") == "1" else 16
IN_FULL = 'blip = "0s"\n[release]\nwarm_up = "0s"'  # Each pane counts in full, from the first.
ANSWERS = 150  # Of each arm: enough for GPT-4; GPT-3.5 is given all.
START_MS = int(START.timestamp() * 1000)
TABLES = (
    base("dataset", late_horizon="10m")
    + sli("quality", "at_least", field="feedback.judge", limit=1)
    + sli("fast", "at_most", field="latency_ms", limit=5000)
    + sli("cheap", "at_most", field="cost_usd", limit=0.01)
)
RULE = """
[[rule]]
name = "canary"
kind = "canary"
slis = {slis}
action = "rollback"
slices = ["*", "dataset"]
{more}
"""


def policy(slis: Sequence[str], more: str = "") -> Policy:
    return parse(TABLES + RULE.replace("{slis}", str(list(slis)).replace("'", '"')).replace("{more}", more))


@cache
def pairs() -> list[tuple[Item, Item]]:
    """Each answer with its score."""
    return list(zip(requests(), scores(), strict=True))


def released(rules: Policy, model: str, baseline: str, seed: int, answers: int = 1_000) -> list[ControlEvent]:
    """Return what is said of a release of June's version of a model, each version with so many answers."""
    random = Random(seed)
    events, feedback = [], []
    arms = [
        [pair for pair in pairs() if (pair[0]["model"], pair[0]["version"]) == (model, version)]
        for version in (baseline, "0613")
    ]
    for arm in arms:
        random.shuffle(arm)
    for index in range(2 * answers):
        event, score = arms[index % 2][index // 2]
        ts = START_MS + index * 1_000
        events.append(event | {"ts": ts})
        feedback.append(score | {"ts": ts, "request_ts": ts})
    release = {"type": "release", "id": "r", "model": model, "candidate": "0613", "baseline": baseline, "ts": START_MS}
    logs = [log("events", events), log("feedback", feedback), log("commands", [release])]
    return run_flow(rules, logs, STARTED_MS).control


def log(stream: str, items: Sequence[Item]) -> Log:
    return Log(name=stream, stream=stream, messages=[msgspec.json.encode(item) for item in items])


def test_gpt_4_of_june_is_rolled_back_and_primes_are_named_worst() -> None:
    rules = policy(["quality"], IN_FULL)
    needed = []
    for seed in range(SEEDS):
        rollback = next(event for event in released(rules, "gpt-4", "0314", seed, ANSWERS) if event.type == "rollback")
        assert (rollback.version, rollback.pin) == ("0613", "0314")
        worst = rollback.slices[0]
        whole = next(each for each in rollback.slices if each.slice == "*")
        assert worst.slice in ("dataset=prime", "*")
        assert "dataset=composite" not in [each.slice for each in rollback.slices]
        candidate = whole.evidence.candidate
        assert candidate is not None
        needed.append((candidate.good + candidate.bad, worst.slice))
    assert median(answers for answers, _ in needed) <= 50
    # Where all traffic is judged BAD first, a slice may need another pane to be told by itself: slices share four
    # fifths of their alpha, as more of them may come.
    assert sum(name == "dataset=prime" for _, name in needed) >= 0.9 * SEEDS


def test_with_blips_it_is_rolled_back_within_five_of_them() -> None:
    for seed in range(10):
        rollback = next(
            event for event in released(policy(["quality"]), "gpt-4", "0314", seed, 400) if event.type == "rollback"
        )
        assert rollback.ts <= START_MS + 60_000 * 6  # The first is left out: it is still warming up.
        assert "dataset=composite" not in [each.slice for each in rollback.slices]


def test_cost_and_latency_alone_would_have_promoted_it() -> None:
    said = released(policy(["fast", "cheap"], "margin_points = 0.02"), "gpt-4", "0314", 0)
    assert "promote" in [event.type for event in said]
    assert not {"rollback", "hold"} & {event.type for event in said}


def test_gpt_3_5_is_better_but_for_composites_which_hold_it() -> None:
    said = released(policy(["quality"]), "gpt-3.5-turbo", "0301", 0)
    assert [event.type for event in said if event.type != "alert"] == ["hold"]
    for event in said:
        assert [each.slice for each in event.slices] == ["dataset=composite"]
    assert "alert" in [event.type for event in said]


def test_a_policy_may_make_a_slice_roll_back() -> None:
    said = released(policy(["quality"], 'slice_action = "rollback"'), "gpt-3.5-turbo", "0301", 0)
    rollbacks = [event for event in said if event.type == "rollback"]
    assert [(event.pin, event.slices[0].slice) for event in rollbacks] == [("0301", "dataset=composite")]
