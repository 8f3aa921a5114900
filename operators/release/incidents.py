"""What belongs together: an incident has one id from its first event to the one that closes it, and pages once.

All events on a version under release (findings of monitors and rules, a hold, its rollback and what became of that) are
one incident of that version; otherwise a rule that fires on a version is one. A rollback that does not help is an
incident of its own, and so is a withdrawn version that serves again: somebody must hear of these once more.
"""

import uuid
from collections.abc import Sequence

import msgspec

from operators.policy.rules import INPUT
from operators.release.alerts import SEVERITIES, Key
from operators.release.answers import remember
from operators.release.event_writer import NAMESPACE
from operators.release.model import Incident, Model, PaneContext
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS

WHOLE, INEFFECTIVE = "version:", "ineffective:"  # In place of the rule in the names of incidents.
LIMITS = "limits:"
ONCE = ("release", "override")  # Events on these stand alone: those of commands.
COMMANDS = "commands:"


def numbered(model: Model, events: Sequence[ControlEvent], *, ended: bool = True) -> list[ControlEvent]:
    """Return events with the incidents that they belong to; the last event of an incident that is over closes it.

    `ended` is false before a pane is judged: an incident without an event may still go on.
    """
    out = []
    keys = [_key(model, event) for event in events]
    for event, key in zip(events, keys, strict=True):
        out.append(msgspec.structs.replace(event, incident=event.id) if key is None else _joined(model, event, key))
    for key in [key for key in model.incidents if not _is_open(model, key)]:
        name = model.incidents[key].id
        last = max((index for index, event in enumerate(out) if event.incident == name), default=None)
        if last is not None:
            out[last] = msgspec.structs.replace(out[last], closes=True)
        if ended or last is not None:
            del model.incidents[key]
    return out


def end_holds(model: Model, at: PaneContext, events: Sequence[ControlEvent]) -> list[ControlEvent]:
    """Close incidents that end without an event of their own, such as a hold whose reason is gone."""
    keys = {key for event in events if (key := _key(model, event)) is not None}
    return [
        model.say("hold", at, version, incident.rule, "info", model.releases.get(version), state="resolved")
        for (rule, version), incident in model.incidents.items()
        if rule == WHOLE and (rule, version) not in keys and not _is_open(model, (rule, version))
    ]


def alerted(model: Model, key: Key) -> bool:
    """Tell whether an alert keeps an incident open: its own, or for the incident of a whole version any alert on it."""
    firing = model.alerts.firing
    return key in firing or (key[0] == WHOLE and any(version == key[1] for _, version in firing))


def _joined(model: Model, event: ControlEvent, key: Key) -> ControlEvent:
    """Return an event as part of its incident, which begins with the event if there is none yet."""
    incident = model.incidents.get(key)
    withdrawn = EVENT_KINDS[event.type].withdraws
    if incident is None or (withdrawn and incident.withdrawn):
        incident = model.incidents[key] = (None if incident else _adopted(model, key)) or _new(event, key)
    incident.withdrawn = incident.withdrawn or withdrawn
    incident.events = remember(incident.events, event.id)
    known = incident.alerted is not None and SEVERITIES.index(event.severity) <= SEVERITIES.index(incident.alerted)
    muted = event.silenced and event.type == "alert"
    if not (known or muted):
        incident.alerted = event.severity
    return msgspec.structs.replace(event, incident=incident.id, update=known)


def _new(event: ControlEvent, key: Key) -> Incident:
    text = msgspec.json.encode(["incident", event.model, *key, event.id]).decode()
    return Incident(id=str(uuid.uuid5(NAMESPACE, text)), rule=event.rule)


def _adopted(model: Model, key: Key) -> Incident | None:
    """Return the incident that a rule began on a version before that version had one incident for all."""
    rule = next((each for each in model.incidents if each[1] == key[1] and key[0] == WHOLE and _of_rule(each)), None)
    return None if rule is None else model.incidents.pop(rule)


def _of_rule(key: Key) -> bool:
    return key[0] not in (WHOLE, INEFFECTIVE) and not key[0].startswith((f"{INPUT}:", LIMITS))


def _key(model: Model, event: ControlEvent) -> Key | None:
    """Return what names the incident of an event within its model, None if the event stands alone."""
    whole, own = (WHOLE, event.version), (event.rule, event.version)
    if event.type == "rollback_ineffective":
        return INEFFECTIVE, event.version
    if event.type == "promote" or (event.type == "alert" and event.rule in ONCE):
        return whole if whole in model.incidents else None
    if event.type != "alert":
        return whole
    if event.rule.startswith(COMMANDS):
        return None
    if own in model.incidents or event.rule.startswith((f"{INPUT}:", LIMITS)):
        return own
    released = model.phase_of(event.version) not in ("steady", "serving", "promoted", "overridden")
    return whole if released or whole in model.incidents else own


def _is_open(model: Model, key: Key) -> bool:
    rule, version = key
    release = model.releases.get(version)
    if rule == INEFFECTIVE:
        return model.phase_of(version) == "ineffective"
    if alerted(model, key):
        return True
    if rule != WHOLE:
        return any(rule == f"{LIMITS}{kind}" for kind in model.overflow)
    if release is None:
        return False
    holds = any(how != "cool-down" for how in release.holds.values())
    unhealthy = release.split is not None and release.split.unhealthy
    return holds or unhealthy or release.phase in ("rolled_back", "verifying", "ineffective")
