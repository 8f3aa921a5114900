"""Whatever stands in an optional field costs that field alone: of events, as each worker reads them, of feedback."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.ingest.formats.native import Decoder
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.ingest.usable import NEEDED
from operators.policy_file.toml import parse
from operators.wire.events import Event, Feedback, Request
from tests.dataflows.making import POLICY, START_MS, received

RULES = parse(POLICY)
BODY = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v"}
BODIES: dict[type[Event | Feedback], dict[str, Any]] = {
    Event: BODY,
    Request: BODY,
    Feedback: BODY | {"kind": "judge", "value": 5},
}
FIELDS = [
    (kind, field)
    for kind, needed in NEEDED.items()
    for field in getattr(kind, "__struct_fields__")  # noqa: B009  # Of an object.
    if field not in needed
]
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=6)
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, "2", "", "x" * 200, "true", 10**15, -(10**30), 10**400, 1e300,
    [], [None], ["x"], [[]], {}, {"a": None}, {"a": {"b": []}}, {"": "x" * 200}, START_MS, "2025-10-09T08:53:20",
]  # fmt: skip


def messages(*bodies: dict[str, Any]) -> Messages:
    return received([json.dumps(body).encode() for body in bodies])


def bared(item: Event | Feedback, field: str) -> dict[str, Any]:
    """All of an item but one field."""
    return {name: value for name, value in msgspec.structs.asdict(item).items() if name != field}


def check(kind: Any, field: str, value: object) -> None:
    whole = BODIES[kind]
    decoder: Decoder[Any] = Decoder(kind, 1 << 20)
    items, origin, rejects = decoder.decode(messages(whole | {field: value}, whole))
    assert not rejects
    assert set(origin.unusable) <= {field}
    assert bared(items[0], field) == bared(items[1], field)
    if kind is not Request:
        stream: Any = "feedback" if kind is Feedback else "events"
        batch = Partition("p", stream, ("p",), RULES).take(messages(whole | {field: value}, whole))
        assert batch.items == 2
        assert set(batch.unusable) <= {field}


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_no_value_of_an_optional_field_refuses_its_item(kind: Any, field: str) -> None:
    for value in ODD:
        check(kind, field, value)


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_of_a_key_that_comes_twice_the_last_counts_whatever_stands_in_the_first(kind: Any, field: str) -> None:
    whole = json.dumps(BODIES[kind])
    last = Decoder(kind, 1 << 20).decode(received([f'{whole[:-1]},"{field}":null}}'.encode()]))[0]
    for value in ODD:
        twice = f'{{"{field}":{json.dumps(value)},{whole[1:-1]},"{field}":null}}'.encode()
        items, origin, rejects = Decoder(kind, 1 << 20).decode(received([twice]))
        assert not rejects
        assert items == last
        assert not origin.unusable


@given(st.sampled_from(FIELDS), values)
def test_no_json_at_all_refuses_it(which: tuple[Any, str], value: object) -> None:
    check(*which, value)


@given(st.sampled_from(list(BODIES)), st.data())
def test_faults_in_several_fields_add_up(kind: Any, data: st.DataObject) -> None:
    names = [field for each, field in FIELDS if each is kind]
    odd = data.draw(st.dictionaries(st.sampled_from(names), values))
    items, origin, rejects = Decoder(kind, 1 << 20).decode(messages(BODIES[kind] | odd))
    assert not rejects
    assert set(origin.unusable) <= set(odd)
    assert all(getattr(items[0], name) == value for name, value in BODIES[kind].items())


@pytest.mark.parametrize("field", ["source", "name", "mirrored", "slices", "prediction", "score", "request_ts"])
def test_null_is_as_good_as_nothing(field: str) -> None:
    """Many producers write all fields of their type; such were refused whole, for a source that was not there."""
    body = BODIES[Feedback]
    batch = Partition("p", "feedback", ("p",), RULES).take(messages(body | {field: None}))
    assert (batch.items, batch.rejects, batch.unusable) == (1, [], {})


def test_what_can_be_read_of_a_field_is() -> None:
    decoder = Decoder(Event, 1 << 20)
    items, _, _ = decoder.decode(messages(BODY | {"attempt": "2"}, BODY | {"mirrored": "true"}, BODY | {"mirrored": 1}))
    assert [(each.attempt, each.mirrored) for each in items] == [(2, None), (None, True), (None, True)]
    told, _, _ = Decoder(Feedback, 1 << 20).decode(messages(BODIES[Feedback] | {"source": 7, "name": "n" * 200}))
    assert (told[0].source, told[0].name) == ("7", "n" * 128)
