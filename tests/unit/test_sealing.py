"""Control events that are signed, and readers that believe no other: no forged revision blinds a gateway."""

import hashlib
import hmac
import json
import pickle
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.pins import PinTable
from operators.wire.control import REVISIONS_AHEAD_MAX, Arm, ControlEvent, Evidence
from operators.wire.sealing import AHEAD_MS_MAX, SealingKey, Verifier, keys_of, seal
from tests.control_samples import event

KEY = SealingKey("2026-b", "a secret of some length")
OLD_KEY = SealingKey("2026-a", "the one before, as long")
NOW = 1_763_700_000_000
WHAT = event(1, "v1", evidence=Evidence(sli="ok", candidate=Arm.of("v2", 90, 10), value=0.1), reason="ünïcode")


def table(*keys: SealingKey, now_ms: int | None = None) -> PinTable:
    return PinTable(verifier=Verifier(keys, None if now_ms is None else lambda: now_ms))


def test_without_a_key_nothing_changes() -> None:
    assert seal(WHAT, None) == msgspec.json.encode(WHAT)


def test_an_event_that_crossed_a_process_is_the_same_bytes() -> None:
    for each in (event(1), event(1, kind="alert", state="resolved"), WHAT):
        crossed = pickle.loads(pickle.dumps(each))  # noqa: S301
        assert seal(crossed, None) == seal(each, None)
        assert seal(msgspec.structs.replace(crossed, ts=each.ts), KEY) == seal(each, KEY)


def test_a_seal_is_the_hmac_of_the_rest_of_the_event_and_always_the_same() -> None:
    fields = json.loads(seal(WHAT, KEY))
    signature = fields.pop("signature")
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert hmac.new(KEY.secret.encode(), canonical, hashlib.sha256).hexdigest() == signature
    assert fields["key"] == "2026-b"
    assert seal(WHAT, KEY) == seal(WHAT, KEY)
    assert msgspec.json.decode(seal(WHAT, KEY), type=ControlEvent).reason == "ünïcode"


def test_signed_events_are_obeyed_by_any_of_the_keys() -> None:
    gateway = table(KEY, OLD_KEY)
    assert gateway.take(seal(event(1, "v1"), OLD_KEY))
    assert gateway.take(seal(event(2, "v0"), KEY))
    assert (gateway.pin("m"), gateway.refused) == ("v0", 0)


def forged(**changes: Any) -> bytes:
    fields = json.loads(seal(event(1, "v1"), KEY)) | changes
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (msgspec.json.encode(event(1, "v1")), "unsigned"),
        (forged(signature=""), "unsigned"),
        (forged(key="2025"), "unknown_key"),
        (forged(key=None), "unknown_key"),
        (forged(key="2026-a"), "bad_signature"),
        (forged(signature="00"), "bad_signature"),
        (forged(signature="ä"), "bad_signature"),
        (forged(pin="v2"), "bad_signature"),
        (forged(pin=None), "bad_signature"),
        (forged(revision=2), "bad_signature"),
        (forged(more="x"), "bad_signature"),
        (forged()[:-1] + b',"pin":"v2"}', "bad_signature"),
        (forged()[:-1] + b',"deep":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "no_event"),
        (forged(reason="x" * 300_000), "too_large"),
        (b"[]", "no_event"),
        (b"[" * 200_000, "no_event"),
        (forged(model="x" * 129), "no_event"),
    ],
)
def test_what_is_forged_is_refused_and_counted(body: bytes, reason: str) -> None:
    gateway = table(KEY, OLD_KEY)
    gateway.take(seal(event(0, "v9"), KEY))
    assert not gateway.take(body)
    assert (dict(gateway.refusals), gateway.pin("m")) == ({reason: 1}, "v9")


@pytest.mark.parametrize("keys", [(KEY,), ()])
@pytest.mark.parametrize("revision", [2**63 - 1, NOW * 2])
def test_a_forged_revision_blinds_no_gateway(keys: tuple[SealingKey, ...], revision: int) -> None:
    """It would outdate every rollback to come: with a key by its signature, without one by its time."""
    signs: Callable[[ControlEvent], bytes] = lambda said: seal(said, keys[0] if keys else None)  # noqa: E731
    gateway = table(*keys, now_ms=NOW)
    gateway.take(signs(event(1, "v1")))
    for ts in (NOW, revision, 2**63 - 1):
        assert not gateway.take(msgspec.json.encode(event(revision, "v2", id="forged", ts=ts)))
    assert gateway.take(signs(event(2, "v0")))
    assert (gateway.pin("m"), gateway.refused) == ("v0", 3)


def test_without_a_key_a_forged_revision_is_outdated_by_the_time() -> None:
    """The most that a forger can do: what is said an hour and some minutes later is obeyed again."""
    gateway = table(now_ms=NOW)
    ts = NOW + AHEAD_MS_MAX
    assert gateway.take(msgspec.json.encode(event(ts + REVISIONS_AHEAD_MAX, "v2", ts=ts)))
    later = NOW + AHEAD_MS_MAX + REVISIONS_AHEAD_MAX + 1
    gateway = PinTable(gateway.states, Verifier((), lambda: later))
    assert gateway.take(msgspec.json.encode(event(later, "v1", ts=later)))
    assert gateway.pin("m") == "v1"


def test_a_clock_is_asked_each_time() -> None:
    times = iter([NOW, NOW + 2 * AHEAD_MS_MAX])
    gateway = PinTable(verifier=Verifier((), lambda: next(times)))
    soon = event(1, "v1", ts=NOW + AHEAD_MS_MAX + 1)
    assert [gateway.take(soon), gateway.take(soon)] == [False, True]


def test_history_is_read_without_a_clock() -> None:
    assert table().take(event(1, "v1", ts=2 * NOW))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a secret of some length", "key 1 must be ID:SECRET"),
        ("a:a secret of some length,", "key 2 must be ID:SECRET"),
        (":a secret of some length", "key 1 must be ID:SECRET"),
        ("a b:a secret of some length", "key 1 must be ID:SECRET"),
        ("a:short", "the secret of key a must have at least 16 characters"),
        ("a:CHANGE-ME-CHANGE-ME", "the secret of key a is the one of the examples"),
        ("a:a secret of some length,a:a secret of some length", "key a is given twice"),
    ],
)
def test_wrong_keys_are_named_without_the_secret(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        keys_of(text)
    assert "secret of some" not in str(caught.value)


def test_a_key_is_never_shown() -> None:
    assert KEY.secret not in repr([KEY])


def test_checking_is_cheap_enough_for_a_gateway() -> None:
    body, verifier = seal(WHAT, KEY), Verifier([KEY])
    began = time.process_time()
    assert all(verifier.fault_of(body) is None for _ in range(1_000))
    assert time.process_time() - began < 2.0
