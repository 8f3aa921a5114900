"""Names come from whoever sends events: none of them, in any field, makes the dataflow fail."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.connectors.clickhouse.arrow import to_arrow
from operators.policy_file.toml import parse
from tests.dataflows.making import STARTED_MS
from tests.dataflows.running import run_flow
from tests.oracle import Log
from tests.policies import base, sli

START_MS = 1_760_000_000_000
POLICY = parse(
    base(
        "region",
        "segment",
        late_horizon="10m",
        future_tolerance="1m",
        crosses=[["region", "segment"]],
        sliding=[("1m", "10s")],
        measures=["latency_ms", "metrics.gpu-util"],
        limits={"series_max": 4, "versions_max": 3, "error_types_max": 2},
    )
    + sli("availability", "no_error")
    + sli("correct", "label_matches")
    + """
[[rule]]
name = "gone"
kind = "absence"
scope = "model"
after = "1m"
slices = ["region"]

[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.9
window = "1m"
slices = ["*", "segment"]

[[rule]]
name = "canary"
kind = "canary"
slis = ["availability"]
action = "rollback"
slices = ["*", "region", "region,segment"]

[release]
settle = "10s"

[dead_letters]
share_max = 1.0
"""
)
ODD = ["*", "__other__", "__other__/s17", "", "a=b", "a,b", "\\", "\0", "\x1b[2J", "\u202e", "NaN", "null", "v1", "m"]
names = st.sampled_from(ODD) | st.text(max_size=8)
times = st.integers(0, 200).map(lambda second: START_MS + 1_000 * second)
slices = st.dictionaries(st.sampled_from(["region", "segment", "*", "__other__"]) | names, names, max_size=3)
events = st.fixed_dictionaries(
    {"request_id": names, "ts": times, "model": names, "version": names},
    optional={
        "slices": slices,
        "error_type": names,
        "latency_ms": st.integers(0, 10),
        "prediction": names,
        "features": st.dictionaries(names, names | st.integers(0, 9), max_size=2),
        "metrics": st.dictionaries(names | st.just("gpu-util"), st.integers(0, 9), max_size=2),
        "flags": st.lists(names, max_size=2),
        "team": names,
        "user_id": names,
    },
)
feedback = st.fixed_dictionaries(
    {"request_id": names, "ts": times, "kind": st.just("label"), "model": names, "version": names},
    optional={"slices": slices, "value": names, "prediction": names, "source": names},
)
commands = st.fixed_dictionaries(
    {"id": names, "ts": times, "type": st.sampled_from(["release", "override", "ack", "silence"]), "model": names},
    optional={
        "candidate": names,
        "baseline": names,
        "version": names,
        "event": names,
        "rule": names,
        "by": names,
        "until": times,
        "metadata": st.dictionaries(names, st.dictionaries(names, names, max_size=1), max_size=2),
    },
)


def _log(name: str, stream: str, bodies: list[dict[str, Any]]) -> Log:
    return Log(name, stream, [json.dumps(body).encode() for body in sorted(bodies, key=lambda body: body["ts"])])


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(events, max_size=12), st.lists(feedback, max_size=3), st.lists(commands, max_size=4))
def test_no_name_stops_the_dataflow(
    some: list[dict[str, Any]], learned: list[dict[str, Any]], said: list[dict[str, Any]]
) -> None:
    logs = [_log("e", "events", some), _log("f", "feedback", learned), _log("c", "commands", said)]
    ran = run_flow(POLICY, logs, STARTED_MS, sizes=lambda: 2)
    assert ran.stop.error is None
    again = sum(batch.duplicates for _, batch in ran.batches)
    assert ran.items + ran.rejects + again == len(some) + len(learned) + len(said)
    for event in ran.control:
        assert msgspec.json.decode(msgspec.json.encode(event))["model"] == event.model
    for rows in ran.rows:
        assert to_arrow(rows).num_rows == len(rows)
