"""A fault in an optional field costs that field alone, is counted, and never becomes good news."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.policy_file.toml import parse
from operators.window.partial import BAD, GOOD, NEITHER, Partial, feature_rows
from tests.dataflows.making import POLICY, START_MS, received
from tests.monitored import FILES, MONITORS

RULES = parse(POLICY + MONITORS + '\n[privacy]\nvalues = "full"\n', FILES)
SLIS = [sli.name for sli in RULES.slis]
ODD: list[Any] = [True, False, [], [1], {}, {"a": [{}]}, "x" * 200, 10**400, -(10**30), {"": None}]


def item(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "ts": START_MS, "model": "m", "version": "v"} | fields).encode()


def take(*messages: bytes, stream: Any = "events") -> Batch:
    return Partition("p", stream, ("p",), RULES).take(received(messages))


def partial_of(batch: Batch) -> Partial:
    (partial,) = [partial for _, given in batch.inputs for _, partial in given.partials]
    return partial


def classes(batch: Batch, sli: str) -> list[int]:
    counts: Sequence[int] = partial_of(batch).slis[:, SLIS.index(sli)].sum(axis=0).tolist()
    return list(counts)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "field",
    [
        "slices", "error_type", "latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "prediction",
        "score", "features", "embedding", "metrics", "flags", "prompt_version", "endpoint", "team", "session_id",
        "user_id", "input", "output",
    ],
)  # fmt: skip
def test_no_fault_in_an_optional_field_refuses_an_event(field: str, odd: object) -> None:
    batch = take(item(**{field: odd}), item())
    assert batch.items == 2
    assert not batch.rejects
    assert set(batch.unusable) <= {field}


@pytest.mark.parametrize("odd", [None, True, [], {}, "", "x" * 200])
@pytest.mark.parametrize("field", ["request_id", "ts", "model", "version"])
def test_what_is_needed_must_be_right(field: str, odd: object) -> None:
    """Also beside a fault that alone would be borne: the reason is the one that refuses the event."""
    batch = take(item(latency_ms="slow", **{field: odd}), item())
    assert (batch.items, [field in reject.detail for reject in batch.rejects]) == (1, [True])
    assert not batch.unusable


@pytest.mark.parametrize("odd", [[], [1, 2], {"a": 1}, 10**400])
def test_a_feature_that_is_no_value_is_an_offender_and_its_event_counts(odd: object) -> None:
    """One list among the features once took the event's latency and outcome with it."""
    batch = take(
        item(features={"amount": odd, "card": "visa"}, latency_ms=100, error_type="timeout"),
        item(features={"card": odd}),
    )
    assert batch.items == 2
    assert classes(batch, "availability") == [1, 1, 0]
    assert classes(batch, "fast") == [1, 0, 1]
    partial = partial_of(batch)
    names = {(RULES.watched[each.watched].name, each.why) for _, each in partial.offenders}
    assert {("features.amount", "unseen"), ("features.card", "unseen")} <= names
    assert all(len(each.value) <= 128 for _, each in partial.offenders)
    card = next(each for each in RULES.watched if each.name == "features.card")
    _, bins, counts = feature_rows(partial)
    assert counts[bins == card.offset + card.bins - 1].sum() == 1
    assert counts[(bins >= card.offset) & (bins < card.offset + card.bins)].sum() == 2


def test_a_boolean_is_a_value() -> None:
    """1 or 0 where a number is wanted, `true` or `false` as a category and as a prediction."""
    batch = take(item(features={"amount": True, "card": True}, metrics={"gpu-util": True}, prediction=True))
    assert (batch.items, batch.unusable) == (1, {})
    partial = partial_of(batch)
    assert {each.value for _, each in partial.offenders if RULES.watched[each.watched].name == "features.card"} == {
        "true"
    }
    assert classes(batch, "warm") == [1, 0, 0]
    told = {"kind": "label", "value": "true", "prediction": True}
    assert classes(take(item(**told), stream="feedback"), "correct") == [1, 0, 0]


@pytest.mark.parametrize("odd", [True, False, 0, 500, [], {"code": 500}])
def test_an_error_type_that_cannot_be_read_counts_neither_way(odd: object) -> None:
    batch = take(item(error_type=odd, latency_ms=1), item(latency_ms=1))
    for sli in ("availability", "fast"):
        assert classes(batch, sli) == [1, 0, 1]
    assert classes(take(item(error_type="x" * 200)), "availability") == [0, 1, 0], "too long, but surely a failure"


@pytest.mark.parametrize("odd", ["toxic", {"toxic": True}, [5], ["other", None], True])
def test_flags_that_cannot_be_read_are_not_absent(odd: object) -> None:
    assert classes(take(item(flags=odd)), "polite") == [0, 0, 1]
    assert classes(take(item(flags=["toxic", 5])), "polite") == [0, 1, 0]
    assert classes(take(item(flags=["other"]), item(flags=None)), "polite") == [2, 0, 0]


def test_a_slice_value_that_is_no_text_costs_that_dimension_or_stands_as_text() -> None:
    batch = take(item(slices={"region": "eu", "segment": ["pro"]}), item(slices={"region": True, "segment": 1}))
    assert [name.values for name in partial_of(batch).series] == [("eu", ""), ("true", "1")]


@pytest.mark.parametrize(
    ("fields", "items"),
    [
        ({"prediction": [1]}, 1), ({"score": "high"}, 1), ({"slices": [1]}, 1), ({"value": [5]}, 0), ({"kind": "x"}, 0),
        ({"source": 1}, 1), ({"model": 1}, 0), ({"request_ts": "x"}, 1),
    ],
)  # fmt: skip
def test_of_feedback_the_value_is_needed_too(fields: dict[str, Any], items: int) -> None:
    batch = take(item(**({"kind": "label", "value": 1} | fields)), stream="feedback")
    assert (batch.items, len(batch.rejects)) == (items, 1 - items)
    if items:
        assert list(batch.unusable) == list(fields)


def test_a_command_is_needed_as_a_whole() -> None:
    batch = take(item(type="override", id="c1", by=5), stream="commands")
    assert (batch.items, len(batch.rejects)) == (0, 1)


def test_where_batches_are_cut_does_not_show_in_what_is_left_out() -> None:
    messages = [item(**{field: odd}) for field in ("features", "flags", "error_type", "metrics") for odd in ODD]
    messages[3::7] = [b"{"] * len(messages[3::7])
    whole = take(*messages)
    one = Partition("p", "events", ("p",), RULES)
    single = [one.take(part(received(messages), at)) for at in range(len(messages))]
    assert whole.items == sum(batch.items for batch in single)
    for sli in SLIS:
        each = [np.array(classes(batch, sli)) for batch in single if batch.items]
        assert classes(whole, sli) == np.sum(each, axis=0).tolist()
    assert sum(map(sum, [classes(whole, "availability")])) == whole.items
    assert GOOD < BAD < NEITHER


def part(messages: Messages, at: int) -> Messages:
    return messages.part(at, at + 1)
