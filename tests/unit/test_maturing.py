"""Cohorts of requests that wait for what is said of them, while slice dimensions are added."""

import json
from typing import Any

import pytest

from operators.ingest.formats.format import Stream
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.maturing import Maturing
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.partial import Partial
from tests.dataflows.making import received
from tests.policies import base, sli, table

PANE = 176_000_000
WITHIN = sli("kept", "feedback_absent", kind="thumbs", within="20s") + table("dedup", horizon="0s")
RULE = '[[rule]]\nname = "r"\nkind = "threshold"\nsli = "kept"\ntarget = 0.9\nwindow = "1m"\n'
BEFORE, AFTER = (
    parse(base(*dimensions, tumbling=["1m"], measures=[]) + WITHIN + RULE)
    for dimensions in (["region"], ["region", "segment"])
)


def came(policy: Policy, stream: Stream, *bodies: dict[str, Any]) -> Partial:
    context = {"model": "m", "version": "v", "slices": {"region": "eu", "segment": "pro"}}
    values = [json.dumps(context | body).encode() for body in bodies]
    taken = Partition("p", stream, ("p",), policy).take(received(values, received_ms=PANE * 10_000))
    return merge([part for _, given in taken.inputs for _, part in given.partials])


def test_what_is_said_of_requests_from_before_a_dimension_began_counts_on_them() -> None:
    """Requests were of no segment, and what was said of them was of one: all were good."""
    asked = Maturing(BEFORE, {})
    ts = PANE * 10_000
    asked.take(PANE, came(BEFORE, "events", *({"request_id": f"r{at}", "ts": ts + at} for at in range(3))), {})
    said = came(AFTER, "feedback", {"request_id": "r1", "ts": ts + 10_000, "kind": "thumbs", "request_ts": ts + 1})
    gone_on, sliced = Maturing(AFTER, asked.save()), {1: PANE + 1}
    assert gone_on.take(PANE + 1, said, sliced) is None
    ripe = gone_on.take(PANE + 2, None, sliced)
    assert ripe is not None
    assert ripe.slis[:, 0].tolist() == [[2, 1, 0]]


@pytest.mark.parametrize("batch", [1, 2, 100])
def test_requests_count_though_nothing_else_comes_when_their_time_is_over(batch: int) -> None:
    """Time passed the pane in which they count in the same breath as their own: they never did, nor in a replay."""
    seconds = [0, 1, 3_600, 3_700, 7_200]
    bodies = [
        {"request_id": f"r{second}", "ts": PANE * 10_000 + second * 1_000, "model": "m", "version": "v"}
        for second in seconds
    ]
    values = [json.dumps(body).encode() for body in bodies]
    partition, panes, closed = Partition("p", "events", ("p",), BEFORE), Panes(BEFORE), []
    for first in range(0, len(values), batch):
        taken = partition.take(received(values[first : first + batch], first + 1, (PANE + 1_000) * 10_000))
        closed += [item for _, given in taken.inputs for item in panes.push(given)]
    closed += [item for _, given in partition.end() for item in panes.push(given)]
    counted = {
        item.pane - PANE: item.on_time.slis[:, 0].tolist()
        for item in closed
        if isinstance(item, Closed) and item.on_time is not None and not item.on_time.events.any()
    }
    assert counted == {2: [[2, 0, 0]], 362: [[1, 0, 0]], 372: [[1, 0, 0]]}
