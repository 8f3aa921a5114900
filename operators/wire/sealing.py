"""Seals of control events: readers know that the worker sent them, and believe no revision from the future.

An event is signed as commands are (`operators/wire/signing.py`): `key` is the id of the key, and `signature` the
HMAC-SHA256 of the event without it, the key's id included. The bytes depend on the event and the key alone.

A reader needs only this module, `signing.py` and `control.py`.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from operators.wire.control import EVENT_BYTES_MAX, REVISIONS_AHEAD_MAX, ControlEvent
from operators.wire.events import Text
from operators.wire.signing import sign, signed_fields

KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECRET_MIN = 16  # Characters.
PLACEHOLDER = "CHANGE-ME"  # As in infra/kubernetes/secret.example.yaml.
# How far an event's time may be beyond the reader's clock: a forged event outdates real ones for no longer than this.
# Differences of clocks, and the policy's `future_tolerance`, are within it.
AHEAD_MS_MAX = 3_600_000

Reason = Literal["no_event", "too_large", "revision_ahead", "time_ahead", "unsigned", "unknown_key", "bad_signature"]


class SealingKey(msgspec.Struct, frozen=True):
    """A secret, which is never shown, and the name by which events refer to it."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key(id={self.id!r})"


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a control event that is checked; events of unknown types have it too."""

    id: Text
    revision: Annotated[int, Meta(ge=0)]
    type: Text
    ts: Annotated[int, Meta(ge=0)]
    model: Text
    version: Text
    rule: Text = ""
    state: Text = "firing"
    pin: Text | None = None
    key: Text = ""
    signature: Text = ""


_head = msgspec.json.Decoder(_Head).decode


def keys_of(text: str) -> tuple[SealingKey, ...]:
    """Read "ID:SECRET,ID:SECRET": the first key signs, all are believed. ValueError, which shows no secret.

    >>> keys_of("2026-b:a secret of some length,2026-a:another of some length")
    (Key(id='2026-b'), Key(id='2026-a'))
    """
    keys: list[SealingKey] = []
    for number, part in enumerate(text.split(","), 1):
        name, colon, secret = part.strip().partition(":")
        if not colon or not KEY_ID.fullmatch(name):
            raise ValueError(f"key {number} must be ID:SECRET, its id of letters, digits, '.', '_' and '-'")
        if len(secret) < SECRET_MIN:
            raise ValueError(f"the secret of key {name} must have at least {SECRET_MIN} characters")
        if PLACEHOLDER in secret:
            raise ValueError(f"the secret of key {name} is the one of the examples: make one of your own")
        if name in {key.id for key in keys}:
            raise ValueError(f"key {name} is given twice")
        keys.append(SealingKey(name, secret))
    return tuple(keys)


def seal(event: ControlEvent, key: SealingKey | None) -> bytes:
    """Return the event as JSON, signed if there is a key."""
    if key is None:
        return msgspec.json.encode(event)
    named = msgspec.structs.replace(event, key=key.id, signature="")
    fields: dict[str, object] = msgspec.json.decode(msgspec.json.encode(named))
    return msgspec.json.encode(msgspec.structs.replace(named, signature=sign(fields, key.secret)))


class Verifier:
    """Tells which control events to believe; with `keys` only those signed by one of them.

    Whatever the keys, it believes no event whose revision its own time does not allow, and with a clock, `now_ms`, none
    whose time is far beyond the clock. So a forged revision outdates the worker's events for about an hour at most.
    """

    def __init__(self, keys: Sequence[SealingKey] = (), now_ms: Callable[[], int] | None = None) -> None:
        self._secrets = {key.id: key.secret for key in keys}
        self._now_ms = now_ms

    def fault_of(self, body: bytes) -> tuple[Reason, str] | None:
        """Return why an event is not believed, as (reason, detail), or None if it is.

        >>> Verifier().fault_of(b'{"id":"a","revision":9876543210,"type":"hold","ts":0,"model":"m","version":""}')
        ('revision_ahead', 'revision 9876543210 at time 0')
        """
        if len(body) > EVENT_BYTES_MAX:
            return "too_large", f"{len(body)} bytes, a control event has at most {EVENT_BYTES_MAX}"
        try:
            head = _head(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return "no_event", str(error)[:200]
        if head.revision > head.ts + REVISIONS_AHEAD_MAX:
            return "revision_ahead", f"revision {head.revision} at time {head.ts}"
        if self._now_ms is not None and head.ts > self._now_ms() + AHEAD_MS_MAX:
            return "time_ahead", f"its time, {head.ts}, has not come"
        return self._signature_fault(body, head) if self._secrets else None

    def _signature_fault(self, body: bytes, head: _Head) -> tuple[Reason, str] | None:
        if not head.signature:
            return "unsigned", "it has no signature"
        secret = self._secrets.get(head.key)
        if secret is None:
            return "unknown_key", f"no key {head.key!r} is known here"
        try:
            fields = signed_fields(body)
        except ValueError as error:
            return "bad_signature", f"what is signed is not clear: {error}"
        # As bytes: compare_digest refuses text beyond ASCII.
        if not hmac.compare_digest(head.signature.encode("utf-8", "replace"), sign(fields, secret).encode()):
            return "bad_signature", f"the signature is not that of this event and key {head.key}"
        return None
