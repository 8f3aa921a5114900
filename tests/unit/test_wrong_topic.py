"""Items in a topic that is not theirs are refused with that reason: feedback is no request that went well."""

import json
from collections import Counter
from typing import Any

import pytest

from operators.archive.log import RequestLog
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from tests.dataflows.making import POLICY, START_MS, received

RULES = parse(POLICY)
FEEDBACK = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v", "kind": "judge", "value": 1}
EVENT = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v", "latency_ms": 10}


def reasons(stream: Any, *bodies: dict[str, Any]) -> tuple[int, list[str]]:
    batch = Partition("p", stream, ("p",), RULES).take(received([json.dumps(body).encode() for body in bodies]))
    return batch.items, [reject.reason for reject in batch.rejects]


@pytest.mark.parametrize(
    "more", [{}, {"value": None}, {"source": "rater", "slices": {"region": "eu"}}, {"prediction": "yes", "score": 0.5}]
)
@pytest.mark.parametrize("kind", ["label", "judge", "thumbs", "edit", "abandon", "safety", "report"])
def test_feedback_is_no_event(kind: str, more: dict[str, Any]) -> None:
    """Each was counted as a request without an error."""
    assert reasons("events", FEEDBACK | {"kind": kind} | more, EVENT) == (1, ["wrong_topic"])


@pytest.mark.parametrize(
    "own", [{"kind": "chat"}, {"kind": "judge"}, {"kind": 5, "value": 1}, {"kind": ["judge"]}, {"kind": None}]
)
def test_an_event_may_have_a_field_of_its_own(own: dict[str, Any]) -> None:
    assert reasons("events", EVENT | own) == (1, [])


def test_the_request_log_refuses_the_same() -> None:
    log = RequestLog("p", RULES, Pseudonyms("k" * 16))
    taken = log.take(received([json.dumps(body).encode() for body in (FEEDBACK, EVENT)]))
    assert (taken.items, taken.rejects) == (1, Counter(wrong_topic=1))


def test_an_event_is_no_feedback() -> None:
    assert reasons("feedback", EVENT, FEEDBACK) == (1, ["wrong_topic"])
    assert reasons("feedback", {"request_id": "r", "ts": START_MS}) == (0, ["missing_field"])
    many = Partition("p", "feedback", ("p",), RULES).take(received([json.dumps([EVENT, FEEDBACK, EVENT]).encode()]))
    assert [(each.item, each.reason) for each in many.rejects] == [(0, "wrong_topic"), (2, "wrong_topic")]


def test_people_hear_of_a_producer_that_sends_to_the_wrong_topic() -> None:
    policy = parse(POLICY.replace("share_max = 1.0", "share_max = 0.2\nblock = 100"))
    one = Partition("events/1", "events", ("events/1",), policy)
    (notice,) = one.take(received([json.dumps(FEEDBACK | {"request_id": str(n)}).encode() for n in range(100)])).notices
    assert (notice.kind, notice.bad) == ("refused", 100)
    assert "wrong_topic: feedback of kind" in notice.what
