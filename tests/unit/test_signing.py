"""A command is taken for what its sender signed, and for nothing else."""

import hashlib
import hmac
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.wire.commands import Ack, AnyCommand, Override, Release, Silence
from operators.wire.signing import sign, signature_fault, signed

KEY = "a key of sixteen characters or more"
TS = 1_763_700_000_000
COMMANDS: list[AnyCommand] = [
    Release(
        id="1",
        ts=TS,
        by="ci@host",
        model="checkout",
        candidate="v2",
        baseline="v1",
        traffic_share=0.1,
        metadata={"candidate": {"prompt": "p2", "temperature": 0.5, "cached": True, "ü": None}},
    ),
    Override(id="2", ts=TS, model="checkout", version="v2"),
    Ack(id="3", ts=TS, model="modèle", event="e"),
    Silence(id="4", ts=TS, until=TS + 1, rule="slo"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_signed_command_is_believed_in_whatever_form_it_is_sent(command: AnyCommand) -> None:
    body = msgspec.json.encode(signed(command, KEY))
    assert signature_fault(body, KEY) is None
    fields = json.loads(body)
    for text in (json.dumps(fields), json.dumps(fields, indent=2), json.dumps(dict(reversed(fields.items())))):
        assert signature_fault(text.encode(), KEY) is None
    assert signature_fault(body, KEY + "x") == (
        "bad_signature",
        "the signature is not that of this command and this key",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_others_can_sign_with_what_every_language_has(command: AnyCommand) -> None:
    fields = json.loads(msgspec.json.encode(command))
    del fields["signature"]
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    fields["signature"] = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert fields["signature"] == sign(command, KEY)
    assert signature_fault(json.dumps(fields).encode(), KEY) is None


@pytest.mark.parametrize("field", ["id", "ts", "type", "model", "version", "revoked", "by"])
def test_every_field_is_covered(field: str) -> None:
    fields = json.loads(msgspec.json.encode(signed(COMMANDS[1], KEY)))
    fields[field] = "other"
    assert _reason(fields) == "bad_signature"
    del fields[field]
    assert _reason(fields) == "bad_signature"


def test_a_further_field_is_covered() -> None:
    assert _reason({**json.loads(msgspec.json.encode(signed(COMMANDS[1], KEY))), "more": 1}) == "bad_signature"


@pytest.mark.parametrize("signature", [None, 7, ["x"], "ü", "\ud800", "00" * 32])
def test_an_odd_signature_is_a_wrong_one(signature: object) -> None:
    assert _reason({"type": "ack", "id": "1", "signature": signature}) == "bad_signature"


def test_a_name_given_twice_is_refused_at_any_depth() -> None:
    """Readers differ in which of the two they take, so one could be signed and the other one obeyed."""
    signature = sign({"type": "ack", "id": "1"}, KEY)
    assert signature_fault(b'{"type":"ack","id":"1","signature":"%s"}' % signature.encode(), KEY) is None
    twice = signature_fault(b'{"type":"override","type":"ack","id":"1","signature":"%s"}' % signature.encode(), KEY)
    assert twice == ("bad_signature", "what is signed is not clear: a name is given twice in one object")
    inner = sign({"metadata": {"a": 2}}, KEY)
    assert _fault(b'{"metadata":{"a":1,"a":2},"signature":"%s"}' % inner.encode()) == "bad_signature"


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda x: json.dumps(x).encode()))
def test_anything_else_is_refused_and_never_an_exception(body: bytes) -> None:
    assert _fault(body) in ("unsigned", "bad_signature")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":NaN}', b'{"a":1e999}', b"\xff"])
def test_odd_bodies_are_refused(body: bytes) -> None:
    assert _fault(body) == "bad_signature"


def _fault(body: bytes) -> str | None:
    fault = signature_fault(body, KEY)
    return None if fault is None else fault[0]


def _reason(fields: dict[str, object]) -> str | None:
    return _fault(json.dumps(fields).encode())
