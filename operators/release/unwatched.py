"""A model that no policy file takes any more: its alerts and incidents end, and decisions on it stay.

It is pinned, barred and overridden as before, and commands can change that; it is no longer judged, so nothing new is
found.
"""

from collections.abc import Sequence

import msgspec

from operators.release.alert_events import resolve_forgotten
from operators.release.completing import completed
from operators.release.controller import begin_pane
from operators.release.model import Model, PaneContext
from operators.window.waiting_commands import Due, without_start
from operators.wire.control import ControlEvent

NOBODYS = "no policy file takes it any more"


def obey_unwatched(model: Model, at: PaneContext, due: Sequence[Due]) -> list[ControlEvent]:
    """Obey commands, and end everything that is open."""
    commands = without_start(due)
    events = begin_pane(model, at, commands) if commands else []
    return [*events, *resolve_forgotten(model, at, NOBODYS), *completed(model, at, _end_incidents(model, at))]


def _end_incidents(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Close the incidents that no alert would have closed, such as that of a withdrawn version."""
    events = []
    for (_, version), incident in model.incidents.items():
        over = model.say("alert", at, version, incident.rule, "info", state="resolved", reason=NOBODYS)
        events.append(msgspec.structs.replace(over, incident=incident.id, closes=True))
    model.incidents.clear()
    return events
