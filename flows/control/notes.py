"""Notes: what services for people are told about a control event, by incident.

An incident begins and ends: a rule fires on a version, a version was withdrawn, or one is held. It keeps one key and
one set of labels; other services call it an alert. The worker says which events belong to an incident, and when it is
over; events of older workers, which did not, are grouped by their types.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from flows.control.sentence import clean, sentence
from operators.spans import HOUR_MS
from operators.texts import clock
from operators.wire.control import ControlEvent, Severity
from operators.wire.event_kinds.registry import EVENT_KINDS

Action = Literal["open", "update", "close", "acknowledge", "notice"]

SEVERITIES: tuple[Severity, ...] = ("info", "ticket", "page")
NOTICE_MS = HOUR_MS  # For incidents that are reported once, and that no event ends.
HOLD_MS = 24 * HOUR_MS  # A hold may end without an event, when its candidate goes away.
# Alerts of these rules are sent once.
ONCE = ("release", "override", "traffic-split")
ONCE_PREFIX = "commands:"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about an incident, with the fields of the event; every text is cut and printable.

    `labels` are those that the incident began with, but for a severity that has risen from `was`. `since` is when it
    began, `kind` the type of event that began it, `version_of` identifies its model and version. `lasts_ms` is how long
    it is shown where nothing may end it. Unix ms, ms. `known` is false where its begin was not seen. A `quiet` note
    comes from an event about something else, or a silenced one.
    """

    action: Action
    key: str
    labels: dict[str, str]
    since: int
    kind: str
    version_of: str
    ts: int
    fields: dict[str, str]
    was: str = ""
    known: bool = True
    lasts_ms: int | None = None
    quiet: bool = False

    @property
    def severity(self) -> str:
        return self.labels["severity"]


def at_least(severity: str, least: str) -> bool:
    """Tell whether one severity is at least another; an unknown one is the mildest."""
    known: Sequence[str] = SEVERITIES
    return severity in known and known.index(severity) >= known.index(least)


def notes_of(event: ControlEvent, incidents: Mapping[str, Note]) -> Iterator[Note]:
    """Return the notes of an event; `incidents` are the open ones, each with its last note."""
    for note in incidents.values():
        if _ends(event, note):
            over = {
                "action": "close",
                "ts": event.ts,
                "fields": fields_of(event),
                "was": "",
                "known": True,
                "quiet": True,
            }
            yield msgspec.structs.replace(note, **over)
    known = incidents.get(_key(event))
    action = _action(event, known)
    if action is not None:
        yield _note(event, action, known)


def _action(event: ControlEvent, known: Note | None) -> Action | None:
    """Return what an event does to its own incident. A silenced event only ends one that was reported before."""
    if event.silenced and event.state == "firing":
        return None
    return "acknowledge" if event.acked else _moved(event, known)


def _moved(event: ControlEvent, known: Note | None) -> Action:
    if event.closes:
        return "close" if known is not None or event.state == "resolved" else "notice"
    if event.incident and known is not None and (event.update or event.state == "resolved"):
        return "update"
    if (event.type == "alert" and _once(event)) or EVENT_KINDS[event.type].notice:
        return "notice"
    if event.type == "rollback_applied":
        return "notice" if known is None else "update"
    return "close" if event.state == "resolved" else "open"


def _once(event: ControlEvent) -> bool:
    # Workers that number incidents report when a split is as declared again.
    lasts = bool(event.incident) and event.rule == "traffic-split"
    return not lasts and (event.rule in ONCE or event.rule.startswith(ONCE_PREFIX))


def _ends(event: ControlEvent, note: Note) -> bool:
    """Tell whether an event ends an incident that is not its own."""
    if (event.incident and note.key == _key(event)) or note.version_of != _digest(event.model, event.version):
        return False
    # A version that may serve again is neither withdrawn nor held; a kill lifts only the pin. Where incidents are
    # numbered, withdrawing a version again is another incident.
    again = event.incident and EVENT_KINDS[event.type].withdraws
    freed = again or (event.type == "alert" and event.lifts)
    ends = EVENT_KINDS["promote" if freed else event.type].ends
    return note.kind in EVENT_KINDS and EVENT_KINDS[note.kind].begins in ends


def _note(event: ControlEvent, action: Action, known: Note | None) -> Note:
    labels, was = _labels(event), ""
    holds = EVENT_KINDS[event.type].begins == "hold"
    if action == "notice":
        known = None  # The event is about the incident, not part of it.
    if known is not None:
        risen = at_least(event.severity, known.severity) and event.severity != known.severity and not event.acked
        was = known.severity if risen else ""
        labels = known.labels | ({"severity": event.severity} if risen else {})
    return Note(
        action=action,
        key=_key(event),
        labels=labels,
        since=event.ts if known is None else known.since,
        kind=event.type if known is None or EVENT_KINDS[event.type].begins == "withdrawal" else known.kind,
        version_of=_digest(event.model, event.version),
        ts=event.ts,
        fields=fields_of(event),
        was=was,
        known=known is not None,
        lasts_ms=NOTICE_MS if action == "notice" else HOLD_MS if holds and not event.incident else None,
        quiet=event.silenced,
    )


def _labels(event: ControlEvent) -> dict[str, str]:
    return {
        "alertname": "Rollguard" + event.type.title().replace("_", ""),
        "model": clean(event.model),
        "version": clean(event.version),
        "rule": clean(event.rule),
        "severity": event.severity,
        "slice": clean(event.slices[0].slice if event.slices else "*"),
    }


def fields_of(event: ControlEvent) -> dict[str, str]:
    """Return the fields that a template may name."""
    return {
        "sentence": sentence(event),
        "id": clean(event.id),
        "type": event.type,
        "state": event.state,
        "time": clock(event.ts),
        "model": clean(event.model),
        "version": clean(event.version),
        "rule": clean(event.rule),
        "severity": event.severity,
        "slice": clean(event.slices[0].slice if event.slices else "*"),
        "pin": clean(event.pin or ""),
        "reason": clean(event.reason),
        "runbook": clean(event.runbook),
    }


def _key(event: ControlEvent) -> str:
    """Return an incident's permanent key, hashed, as names may be long and services take at most 255 characters."""
    if event.incident:
        return _digest(event.incident)
    if event.type in ("rollback", "kill", "rollback_applied", "recovered"):
        return _digest("withdrawn", event.model, event.version)
    if event.type in ("rollback_ineffective", "promote"):
        return _digest(event.type, event.model, event.version)
    return _digest(event.type, event.model, event.version, event.rule)


def _digest(*parts: str) -> str:
    return "rollguard-" + blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
