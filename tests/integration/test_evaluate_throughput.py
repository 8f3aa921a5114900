"""A judge that takes a second keeps up with 5 % of 500 requests a second; where one cannot, the rate falls, openly."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from operators.connectors.chat.client import ChatClient
from operators.evaluate.log import EvaluatedLog, Judgements
from operators.evaluate.work import Judges
from operators.evaluators.llm import Llm
from operators.ingest.messages import Messages
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY
from tests.judge_server import JudgeServer, judge_server

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SECONDS, RATE, LATENCY_S = (60, 500, 1.0) if PROVE else (1, 2_000, 0.2)
BEHIND = "5s" if PROVE else "5m"  # A machine with much to do stands still for seconds.
TABLES = """
[evaluate]
share = 0.05
behind_max = "{behind}"
waiting_max = 200
[[evaluator]]
name = "helpful"
kind = "llm"
endpoint = "{address}"
model = "j"
concurrency = {concurrency}
criteria = {{ help = "?" }}
"""


class Played:
    """So many seconds of traffic, by the real clock, through a partition of evaluate and its client."""

    def __init__(self, server: JudgeServer, concurrency: int, seconds: float, share: float = 0.05) -> None:
        policy = parse(
            POLICY
            + TABLES.format(address=server.address, concurrency=concurrency, behind=BEHIND).replace("0.05", str(share))
        )
        (judge,) = (each for each in policy.evaluators if isinstance(each, Llm))
        client = ChatClient([judge], {})
        self.log = EvaluatedLog("t/0", policy, Judges(ask=lambda _, case: client.ask(judge, case), agreements={}))
        self.ids: list[str] = []
        self.failed: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.factors: set[float] = set()
        try:
            self.sent, began, self.began_ms = 0, time.monotonic(), now_ms()
            while (since := time.monotonic() - began) < seconds:
                self.send(int(since * RATE))
                self.take(self.log.settled(now_ms()))
                time.sleep(0.005)
            while self.sent < seconds * RATE and not PROVE:
                self.send(int(seconds * RATE))
                self.take(self.log.settled(now_ms()))
            self.waiting = len(self.log)
            while len(self.log):
                self.take(self.log.settled(now_ms()))
                time.sleep(0.005)
        finally:
            client.close()

    def send(self, until: int) -> None:
        values = [json.dumps(event(number, self.began_ms)).encode() for number in range(self.sent, until)]
        if values and not self.log.full:
            places = range(self.sent, until)
            # What could not be read at once has waited since it came.
            received = self.began_ms + np.array(places) * 1_000 // RATE
            self.log.take(Messages(values=values, positions=places, received_ms=received), now_ms())
            self.sent = until

    def take(self, found: Judgements) -> None:
        self.ids += [json.loads(each.value)["request_id"] for each in found.feedback]
        self.failed += found.failed
        self.skipped += found.skipped
        self.factors |= set(found.rates.values())


def now_ms() -> int:
    return int(time.time() * 1000)


def event(number: int, began_ms: int) -> dict[str, Any]:
    ts = began_ms + number * 1_000 // RATE
    body = {"request_id": f"r{number}", "ts": ts, "model": "m", "version": "v"}
    return body | {"input": "?", "output": f"answer {number}"}


def test_a_slow_judge_keeps_up_by_asking_many_at_once(record_property: Callable[[str, object], None]) -> None:
    with judge_server(LATENCY_S) as server:
        played = Played(server, concurrency=64, seconds=SECONDS)
        record_property(
            "figures",
            f"{len(played.ids)} judged in {SECONDS} s, {server.at_once_max} at once, {played.waiting} wait at the end",
        )
        assert server.at_once_max > 4
    assert len(set(played.ids)) == len(played.ids) > 0.03 * RATE * SECONDS * 0.5
    assert (played.failed, played.skipped, played.factors) == (Counter(), Counter(), {1.0})
    if PROVE:
        assert played.waiting < 3 * 0.05 * RATE * LATENCY_S


@pytest.mark.skipif(not PROVE, reason="half a minute of waiting: make prove")
def test_one_that_cannot_keep_up_makes_the_rate_fall() -> None:
    with judge_server(LATENCY_S) as server:
        played = Played(server, concurrency=8, seconds=SECONDS, share=0.2)
    assert min(played.factors) < 1.0
    assert played.skipped["behind"] > 0
    assert len(played.ids) > 0.6 * 8 / LATENCY_S * SECONDS
