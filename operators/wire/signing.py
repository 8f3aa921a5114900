"""Signatures of commands: only a holder of the key may direct traffic.

signature = hex(HMAC-SHA256(key, canonical)), where canonical is the command without its field `signature`, as JSON in
UTF-8: keys sorted at every depth, no white space, numbers as they stand. In other programs, for ordinary numbers:

    json.dumps(command, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

A signature says who made a command, not when; ids and times, which it covers, protect against replays of a command.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Literal

import msgspec

from operators.wire.commands import AnyCommand

Reason = Literal["unsigned", "bad_signature"]


def sign(command: AnyCommand | Mapping[str, object], key: str) -> str:
    """Return the signature of a command; one that it already has is ignored.

    >>> sign({"type": "ack", "id": "1", "ts": 1763700000000, "model": "m", "event": "e"}, "a key of some length")[:16]
    '3a15946062b772e9'
    """
    fields = command if isinstance(command, Mapping) else msgspec.json.decode(msgspec.json.encode(command))
    return hmac.new(key.encode(), _canonical(fields), hashlib.sha256).hexdigest()


def signed(command: AnyCommand, key: str) -> AnyCommand:
    """Return the command with its signature."""
    return msgspec.structs.replace(command, signature=sign(command, key))


def signature_fault(body: bytes, key: str) -> tuple[Reason, str] | None:
    """Return why a command's bytes do not prove who sent it, as (reason, detail), or None if they do.

    >>> signature_fault(b'{"type": "ack", "id": "1"}', "a key of some length")
    ('unsigned', 'the command has no signature')
    >>> signature_fault(b'{"type": "ack", "id": "1", "signature": "00"}', "a key of some length")
    ('bad_signature', 'the signature is not that of this command and this key')
    """
    try:
        fields = signed_fields(body)
    except ValueError as error:
        return "bad_signature", f"what is signed is not clear: {error}"
    signature = fields.get("signature", "")
    if signature == "":
        return "unsigned", "the command has no signature"
    # As bytes: compare_digest refuses text beyond ASCII.
    if not hmac.compare_digest(str(signature).encode("utf-8", "replace"), sign(fields, key).encode()):
        return "bad_signature", "the signature is not that of this command and this key"
    return None


def signed_fields(body: bytes) -> dict[str, object]:
    """Return the fields of a signed object. ValueError where two readers may read it differently."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
        # Of a name given twice each reader may take another value, and only one of them would be the signed one.
        json.loads(body, object_pairs_hook=_once)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from error
    return fields


def _canonical(fields: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({name: fields[name] for name in fields if name != "signature"}, order="sorted")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return fields
