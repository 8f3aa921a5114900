"""Control events of one model, numbered: the same logs and policy give the same ids, revisions and bytes."""

import uuid
from typing import Any

import msgspec

from operators.release.state import ReleaseState
from operators.wire.control import ControlEvent, ControlType, Evidence, Severity
from operators.wire.fitting import fitted

NAMESPACE = uuid.UUID("8f1f8a0e-6a0c-5c0b-9b62-0f3f6f1f7d11")  # Never to be changed: all ids are made in it.


def event_id(kind: ControlType, state: str, model: str, version: str, rule: str, text: str, ts: int) -> str:
    """Return the id of an event on a model, version, rule and slice at the end of a pane."""
    # As JSON, so that no two lists of texts look alike.
    return str(uuid.uuid5(NAMESPACE, msgspec.json.encode([kind, state, model, version, rule, text, ts]).decode()))


class EventWriter(msgspec.Struct, kw_only=True):
    """Writes the events of one model; `revision` is the last one's, `pin` the version traffic must go to, None: any."""

    model: str
    revision: int = 0
    pin: str | None = None
    ts: int = 0
    ids: tuple[str, ...] = ()  # Of the events at `ts`.

    def say(
        self,
        kind: ControlType,
        release: ReleaseState | None,
        *,
        ts: int,
        policy: str,
        version: str,
        rule: str,
        severity: Severity,
        **fields: Any,
    ) -> ControlEvent:
        """Return the next control event, about `version` at `ts`, the end of a pane; `fields` as in ControlEvent."""
        # At least the time: a worker that begins anew must not fall behind earlier events, and a forged event
        # outdates none that is written later.
        self.revision = max(self.revision + 1, ts)
        slices = fields.get("slices", ())
        text = slices[0].slice if slices else "*"
        times = {} if release is None else msgspec.structs.asdict(release.times)
        event = ControlEvent(
            id=self._new_id(event_id(kind, fields.get("state", "firing"), self.model, version, rule, text, ts), ts),
            revision=self.revision,
            type=kind,
            ts=ts,
            model=self.model,
            version=version,
            rule=rule,
            severity=severity,
            policy=policy,
            pin=self.pin,
            diff=release.diff() if release is not None and kind != "alert" else {},
            **{"evidence": Evidence(), "lifts": False, **times, **fields},
        )
        return fitted(event)

    def _new_id(self, name: str, ts: int) -> str:
        """Return an id, or one made from it where an event at `ts` has it, such as that of another refused command."""
        if ts != self.ts:
            self.ts, self.ids = ts, ()
        while name in self.ids:
            name = str(uuid.uuid5(NAMESPACE, name))
        self.ids += (name,)
        return name
