"""Cohorts of requests that wait for what is said of them, while slice dimensions are added."""

import json
from typing import Any

from operators.ingest.formats.format import Stream
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.maturing import Maturing
from operators.window.partial import Partial, merge
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
