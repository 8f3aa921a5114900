"""Notes: what services for people are told of a control event, by incident.

An incident is what begins and ends: a rule that fires on a version, a version that was withdrawn, one that is held. It
has one key and one set of labels for all its time; what other services call an alert is one of ours. The worker says
which events are of one incident, and when it is over; events of workers that did not are grouped by their types.
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
NOTICE_MS = HOUR_MS  # What is said once, and nothing ends.
HOLD_MS = 24 * HOUR_MS  # A hold may end without a word, when its candidate goes away.
# Alerts of these rules say something once.
ONCE = ("release", "override", "traffic-split")
ONCE_PREFIX = "commands:"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What is done about an incident, with the fields of the event; every text is cut and printable.

    `labels` are those with which the incident began, but for a severity that has risen from `was`. `since` is when it
    began, `kind` the type of event that began it, `version_of` stands for its model and version. `lasts_ms` is how long
    it is shown for where nothing may end it. Unix ms, ms. `known` is false where nobody saw it begin. A `quiet` note
    follows from an event that says something else, or is silenced.
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
    """Tell whether one severity is at least another; one that is not known is the mildest."""
    known: Sequence[str] = SEVERITIES
    return severity in known and known.index(severity) >= known.index(least)


def notes_of(event: ControlEvent, incidents: Mapping[str, Note]) -> Iterator[Note]:
    """Return what is to be told of an event; `incidents` are those that are open, each with its last note."""
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
    """Return what an event does to its own incident. One that is silenced only ends what was told before."""
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
    # Workers that number incidents say when a split is as declared again.
    lasts = bool(event.incident) and event.rule == "traffic-split"
    return not lasts and (event.rule in ONCE or event.rule.startswith(ONCE_PREFIX))


def _ends(event: ControlEvent, note: Note) -> bool:
    """Tell whether an event ends an incident that is not its own."""
    if (event.incident and note.key == _key(event)) or note.version_of != _digest(event.model, event.version):
        return False
    # A version that may serve again is neither withdrawn nor held; what a kill lifts is the pin. One that is withdrawn
    # once more is another incident, where incidents are numbered.
    again = event.incident and EVENT_KINDS[event.type].withdraws
    freed = again or (event.type == "alert" and event.lifts)
    ends = EVENT_KINDS["promote" if freed else event.type].ends
    return note.kind in EVENT_KINDS and EVENT_KINDS[note.kind].begins in ends


def _note(event: ControlEvent, action: Action, known: Note | None) -> Note:
    labels, was = _labels(event), ""
    holds = EVENT_KINDS[event.type].begins == "hold"
    if action == "notice":
        known = None  # It is about the incident, and no part of it.
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
    """Return what a template may name."""
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
    """Return what names an incident for ever, whatever its names hold: services take 255 characters at most."""
    if event.incident:
        return _digest(event.incident)
    if event.type in ("rollback", "kill", "rollback_applied", "recovered"):
        return _digest("withdrawn", event.model, event.version)
    if event.type in ("rollback_ineffective", "promote"):
        return _digest(event.type, event.model, event.version)
    return _digest(event.type, event.model, event.version, event.rule)


def _digest(*parts: str) -> str:
    return "rollguard-" + blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()
