"""Replays a small log with the kinds that the recipes of CONTRIBUTING.md add; prints the result as JSON.

Run by `tests/unit/test_recipes.py`, over a copy of the tree to which they were applied.
"""

import io
import json
from itertools import pairwise
from typing import Any

import msgspec
from rich.console import Console

from flows.check import print_policy
from flows.control.notes import notes_of
from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.ingest.partition import Batch, Partition
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.release.completing import completed
from operators.release.controller import new_model
from operators.release.model import PaneContext
from operators.rules.registry import KINDS
from operators.rules.verdict import Evaluator
from operators.wire.control import ControlEvent, State
from tests.dataflows.making import FOLLOWS_ALL, START_MS, STARTED_MS
from tests.dataflows.running import Shards, messages_of, tables_of
from tests.oracle import Log

POLICY = (
    FOLLOWS_ALL
    + """
[sli.spoken]
good = "predicted"

[[rule]]
name = "flood"
kind = "flood"
most = 20

[[monitor]]
name = "score"
kind = "stuck"
on = "score"
window = "1m"
n_min = 50

[[rule]]
name = "heard"
kind = "drift"
slices = ["*"]
"""
)
WRONG = (
    ('good = "predicted"', 'good = "predicted"\nfailed = "good"'),
    ('good = "predicted"', 'good = "predicted"\nlimit = 3'),
    ("most = 20", "most = 0"),
    ("most = 20", 'sli = "spoken"'),
    ("n_min = 50", "n_min = 0"),
)
PANES = (*(10,) * 12, 30, 30, 30, *(10,) * 9)  # Events of each pane of ten seconds: 300.


def refusal(old: str, new: str) -> str:
    try:
        parse(POLICY.replace(old, new))
    except PolicyError as error:
        return str(error)
    return "nothing"


def messages() -> list[bytes]:
    """A log of three streams: events in turn with a prediction, without, failed; labels, a command, and a wrong one."""
    out: list[tuple[str, dict[str, Any]]] = []
    for pane, count in enumerate(PANES):
        for number in range(count):
            ts = START_MS // 10_000 * 10_000 + pane * 10_000 + number
            ident: dict[str, Any] = {"request_id": f"{pane}-{number}", "ts": ts, "model": "m", "version": "v"}
            kind = len([None for stream, _ in out if stream == "events"]) % 3
            more = ({"prediction": "yes"}, {}, {"error_type": "500"})[kind] | {"score": 0.5 if pane < 12 else ts % 7}
            out.append(("events", ident | more))
            if number == 0 or (count == 30 and number < 3):
                out.append(("feedback", ident | {"kind": "label", "value": "yes", "prediction": "yes"}))
    ts = START_MS // 10_000 * 10_000 + 5_000
    out.append(("commands", {"type": "override", "id": "1", "ts": ts, "model": "m", "version": "v"}))
    return [b"nonsense", *(f"{stream}\t{json.dumps(item)}".encode() for stream, item in out)]


def run(restarts: bool) -> tuple[Shards, list[Batch], dict[str, list[dict[str, Any]]]]:
    policy = parse(POLICY)
    log = Log("all", "events", messages())
    partition, shards = Partition("all", "events", ("all",), policy, form="tagged"), Shards(policy)
    batches, rows = [], []
    for start, stop in pairwise([*range(0, len(log.messages), 50), len(log.messages)]):
        batches.append(partition.take(messages_of(log, start, stop, STARTED_MS)))
        rows += shards.push(batches[-1].inputs)
        if restarts:
            for name, judge in shards.judges.items():
                state = loads(dumps(judge.state, policy), EvaluationState, policy)
                shards.judges[name] = ShardEvaluation(policy, state)
    rows += shards.push(partition.end())
    return shards, batches, tables_of(rows)


def event_said() -> dict[str, object]:
    """The forms of a new type of control event: said by a model, as JSON, and as sent to people and services."""
    policy = parse(POLICY)
    model = new_model("m")
    at = PaneContext(policy=policy, pane=1, requests={}, slis=lambda version, text: None)
    states: tuple[State, ...] = ("firing", "resolved")
    said = [model.say("paused", at, "v", "flood", "ticket", None, state=state) for state in states]
    read = [msgspec.json.decode(msgspec.json.encode(event), type=ControlEvent) for event in completed(model, at, said)]
    known = next(notes_of(read[0], {}))
    notes = [known, *notes_of(read[1], {known.key: known})]
    return {
        "sentences": [event.sentence for event in read],
        "pages": [event.runbook for event in read],
        "actions": [note.action for note in notes],
    }


PROTOCOL = [each for each in vars(Evaluator) if not each.startswith("_") and each != "rule"]


def counted(rows: list[dict[str, Any]], sli: str) -> list[int]:
    return [sum(row[word] for row in rows if row["sli"] == sli) for word in ("good", "bad", "neither")]


def main() -> None:
    text = io.StringIO()
    print_policy(parse(POLICY), Console(file=text, width=200))
    shards, batches, tables = run(restarts=False)
    floods = [row for row in tables["verdict"] if row["rule"] == "flood"]
    found = {
        "check": text.getvalue(),
        "refused": [refusal(*each) for each in WRONG],
        "spoken": counted(tables["sli_pane"], "spoken"),
        "labels": counted(tables["sli_pane"], "correct"),
        "verdicts": [row["verdict"] for row in floods],
        "lacks": [each for each in PROTOCOL if not hasattr(KINDS["flood"].evaluator, each)],
        "drift": [[row["verdict"], row["n_current"]] for row in tables["drift"] if row["monitor"] == "score"],
        "heard": [row["verdict"] for row in tables["verdict"] if row["rule"] == "heard"],
        "event": event_said(),
        "restarted": [row["verdict"] for row in run(restarts=True)[2]["verdict"] if row["rule"] == "flood"],
        "alerts": [[event.state, event.runbook] for event in shards.events if event.rule == "flood"],
        "commands": [event.rule for event in shards.events if event.rule == "override"],
        "items": {
            "events": sum(batch.items - len(batch.feedback) for batch in batches) - 1,
            "feedback": sum(len(batch.feedback) for batch in batches),
            "refused": [reject.reason for batch in batches for reject in batch.rejects],
        },
    }
    print(json.dumps(found))  # noqa: T201  # The test reads it.


if __name__ == "__main__":
    main()
