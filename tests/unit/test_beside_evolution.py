"""What the workers beside the monitor keep is no count: they go on under any other policy where they stopped."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pytest

from operators.connectors.stop import Stop
from operators.evaluate.work import Judges
from operators.ingest.answers import Answer
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.sources.archive import ArchiveSource
from operators.sources.enrich import EnrichSource, Outgoing
from operators.sources.evaluate import EvaluateSource
from operators.sources.input import Input, InputWatch
from operators.store.rows import Rows
from tests.dataflows.making import POLICY, START_MS
from tests.dataflows.running import MemoryReader, expand
from tests.oracle import Log
from tests.policies import base, sli, table
from tests.unit.test_evaluated_log import Desk

COUNT = 9
EVALUATE = table("evaluate", share=1.0) + '[[evaluator]]\nname = "short"\nkind = "length"\nchars_max = 20\n'
BEFORE = parse(POLICY + EVALUATE)
# Other SLIs, measures, windows, rules and monitors, panes of another length, dimensions in another order.
OTHER = base("segment", "region", pane="1m", disorder="9s", tumbling=["2m"], measures=["latency_ms"])
RULE = '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "other"\ntarget = 0.9\nwindow = "2m"\n'
AFTER = parse(
    OTHER + sli("other", "at_most", field="latency_ms", limit=5) + RULE + table("dedup", horizon="0s") + EVALUATE
)

Read = Callable[[Sequence[Policy]], list[str]]


class Source(Protocol):
    def build_part(self, step_id: str, for_part: str, resume_state: bytes | None) -> Any: ...


def items(stream: str) -> Log:
    fields: dict[str, Any] = {"model": "m", "version": "v", "input": "How?", "output": "Hold."}
    if stream == "feedback":
        fields = {"kind": "thumbs", "value": 1}
    made = [json.dumps({"request_id": f"r{at}", "ts": START_MS + at} | fields).encode() for at in range(COUNT)]
    return Log(name=f"{stream}/0", stream=stream, first=0, messages=made)


def input_of(log: Log) -> Input:
    def opened(position: int | None) -> MemoryReader:
        return MemoryReader(log, START_MS + 60_000, lambda: 2, lambda: 0, position)

    key = Pseudonyms("0123456789abcdef")
    return Input(name=log.name, stream=log.stream, open=opened, pseudonyms=key, log_id="t")  # type: ignore[arg-type]


def archive(policy: Policy) -> Source:
    each = input_of(items("events"))
    return ArchiveSource([each], policy, stop=Stop(), watch=InputWatch(), taken=lambda *_: None, recover=True)


def enrich(policy: Policy) -> Source:
    def look_up(names: Sequence[str]) -> dict[str, list[Answer]]:
        return {name: [Answer(name, "m", "v", START_MS, 0, 0, {}, "", None, "", "", 1)] for name in names}

    each = input_of(items("feedback"))
    more: dict[str, Any] = {"look_up": look_up, "partition_of": lambda name: 3, "taken": lambda *_: None}
    return EnrichSource([each], policy, stop=Stop(), watch=InputWatch(), **more)


def evaluate(policy: Policy) -> Source:
    each = input_of(items("events"))
    more: dict[str, Any] = {
        "now": lambda: START_MS / 1000,
        "judges": Judges(ask=Desk().ask),
        "places": lambda name: (1, 2),
        "taken": lambda *_: None,
    }
    return EvaluateSource([each], policy, stop=Stop(), watch=InputWatch(), recover=True, **more)


def ids(made: Any) -> Iterator[str]:
    """The requests that what came out of a source is about."""
    for _, each in made:
        if isinstance(each, Rows):
            yield from (row["request_id"] for row in expand(each))
        else:
            said = each.items if isinstance(each, Outgoing) else each.feedback
            yield from (json.loads(one.value)["request_id"] for one in said)


@pytest.mark.parametrize("source", [archive, enrich, evaluate])
def test_each_goes_on_under_another_policy_where_it_stopped(source: Callable[[Policy], Source]) -> None:
    saved: bytes | None = None
    found: list[str] = []
    starts = 0
    while len(found) < COUNT:
        part = source((BEFORE, AFTER)[starts % 2]).build_part(
            "input", "feedback/0" if source is enrich else "events/0", saved
        )
        some = list(ids(part.next_batch()))
        assert some
        found, saved, starts = found + some, part.snapshot(), starts + 1
    assert found == [f"r{at}" for at in range(COUNT)]
    assert starts > 2
