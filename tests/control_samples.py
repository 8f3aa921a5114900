"""Control events for tests of their readers."""

from typing import Any

import msgspec

from operators.wire.control import ControlEvent, ControlType


def event(revision: int, pin: str | None = None, kind: ControlType = "rollback", **more: object) -> ControlEvent:
    """Return event `e{revision}` of model m; ids and times follow from the revision unless they are given."""
    fields: dict[str, Any] = {
        "id": f"e{revision}",
        "revision": revision,
        "type": kind,
        "ts": 1_763_700_000_000 + 1_000 * revision,
        "model": "m",
        "version": "v2",
        "rule": "canary",
        "severity": "page",
        "policy": "p",
        "pin": pin,
    }
    return ControlEvent(**(fields | more))


def line(event: ControlEvent) -> bytes:
    return msgspec.json.encode(event) + b"\n"
