"""Hours of traffic that a judge scores, in which the judge gets stricter, or the model worse: one seed at a time."""

import json
from concurrent.futures import Future
from random import Random
from typing import Any, Literal

import msgspec
import numpy as np

from operators.evaluate.golden import GoldenCase
from operators.evaluate.log import EvaluatedLog
from operators.evaluate.work import Judges
from operators.evaluators.case import Judged, JudgedCase, Score
from operators.ingest.messages import Messages
from operators.policy.evaluators import AnswerEvaluator
from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.drifting import BASE, MODEL, START_MS, M, Run

Story = Literal["quiet", "strict judge", "strict between rounds", "new judge", "worse model"]
MINUTES, CHANGE, A_MINUTE, GOLDEN = 150, 91, 14, 100
POLICY = (
    BASE.replace('[sli.ok]\ngood = "no_error"\n', "")
    + """
[sli.helpful]
good = "score_at_least"
criterion = "helpfulness"
limit = 4
[sli.agreement]
good = "label_matches"
[[rule]]
name = "helpful-slo"
kind = "threshold"
sli = "helpful"
target = 0.5
window = "10m"
action = "rollback"
[[monitor]]
name = "quality"
kind = "page_hinkley"
on = ["sli.helpful", "sli.agreement"]
[evaluate]
share = 1.0
[[evaluator]]
name = "helpful"
kind = "llm"
endpoint = "http://judge/v1"
model = "j"
golden_every = "1m"
settle = "30m"
criteria = { helpfulness = "Does it help?" }
"""
)


class Judge:
    """Scores an answer by the quality in its text, with some noise; a strict judge gives a point less."""

    def __init__(self, random: Random) -> None:
        self.random, self.strictness = random, 0.0

    def ask(self, evaluator: AnswerEvaluator, case: JudgedCase) -> "Future[Judged]":
        future: Future[Judged] = Future()
        value = grade(float(case.output) - self.strictness + self.random.gauss(0, 0.25))
        future.set_result(Judged(scores=[Score(criterion="helpfulness", value=value)], calls=1))
        return future


def grade(quality: float) -> float:
    return float(min(max(round(quality), 1), 5))


class Outcome(msgspec.Struct, frozen=True):
    """The findings: kinds of drift, of the model and of its judge; control events, and how many scores are believed."""

    kinds: set[str]
    events: list[ControlEvent]
    disbelieved: int


def played(seed: int, story: Story, minutes: int = MINUTES) -> Outcome:
    """Play a story for so many minutes, by default to its end."""
    random = Random(seed)
    policy = parse(POLICY)
    judge = Judge(Random(seed + 1))
    golden = [4.1 + random.gauss(0, 0.8) for _ in range(GOLDEN)]
    cases = [GoldenCase(input="?", output=f"{each:.3f}", labels={"helpfulness": grade(each)}) for each in golden]
    judges = Judges(ask=judge.ask, golden={"helpful": cases}, agreements={})
    log = EvaluatedLog("events/0", policy, judges)
    events: list[dict[str, Any]] = []
    feedback: list[dict[str, Any]] = []
    for minute in range(minutes):
        changed = minute >= CHANGE
        if changed and story == "new judge" and minute == CHANGE:
            other = parse(POLICY.replace('model = "j"', 'model = "k"'))
            log = EvaluatedLog("events/0", other, judges, log.state)
        came = [requested(random, minute, number, changed and story == "worse model") for number in range(A_MINUTE)]
        events += came
        end = START_MS + (minute + 1) * M
        values = [json.dumps(each).encode() for each in came]
        half = A_MINUTE // 2
        for at in (0, half):  # A judge may get strict in the middle of a minute, after its golden cases.
            later = story == "strict between rounds" and (minute, at) >= (CHANGE, half)
            judge.strictness = 1.0 if later or (changed and story in ("strict judge", "new judge")) else 0.0
            places = range(minute * A_MINUTE + at, minute * A_MINUTE + at + half)
            some = slice(at, at + half)
            log.take(Messages(values=values[some], positions=places, received_ms=times(came[some])), end)
        said = log.settled(end)
        feedback += [json.loads(each.value) for each in said.feedback]
        events += [json.loads(each.value) for each in said.events]
    runs = [Run(policy, events, feedback, model=name) for name in (MODEL, "judge:helpful")]
    return Outcome(
        kinds={drift.kind for run in runs for drift in run.bad},
        events=[event for each in runs[0].judged for event in each.events],
        disbelieved=sum("standing" in each for each in feedback),
    )


def times(came: list[dict[str, Any]]) -> Any:
    return np.array([each["ts"] for each in came], np.int64)


def requested(random: Random, minute: int, number: int, worse: bool) -> dict[str, Any]:
    """A request; v2 answers a third of them from half an hour on, and may become worse."""
    version = "v2" if minute >= 30 and random.random() < 0.35 else "v1"
    quality = 4.3 + random.gauss(0, 0.8) - (1.5 if worse and version == "v2" else 0.0)
    ts = START_MS + minute * M + number * (M // A_MINUTE)
    body = {"request_id": f"r{minute}-{number}", "ts": ts, "model": MODEL, "version": version, "input": "?"}
    return body | {"output": f"{quality:.3f}", "slices": {"region": "eu"}}
