"""Incidents as alerts of Prometheus' Alertmanager, by its API v2."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from flows.control.notes import Note
from flows.control.posting import Place
from flows.control.services import LINK, moment, summary
from flows.control.template import Template

HELD_S = 7 * 86_400  # An alert lasts this long after the follower's last message: silence is not good news.


class Alertmanager:
    """Prometheus' Alertmanager, API v2, at `url`: an incident is an alert, and both end together.

    A restarted Alertmanager has forgotten its alerts, so open incidents are sent again now and then.
    """

    name = "alertmanager"

    def __init__(self, url: str, template: Template | None, timeout_s: float, now: Callable[[], datetime]) -> None:
        self._place = Place(f"{url.rstrip('/')}/api/v2/alerts", "--alertmanager", timeout_s)
        self._template = template
        self._now = now

    def wants(self, note: Note) -> bool:
        # Alertmanager has no acknowledgement, and knows an alert only by the labels that it began with.
        return note.action != "acknowledge" and (note.known or note.action != "close")

    def send(self, note: Note) -> None:
        alerts = [self._alert(note)]
        if note.was:  # For Alertmanager another severity is another alert.
            labels = note.labels | {"severity": note.was}
            alerts.insert(0, self._alert(msgspec.structs.replace(note, action="close", labels=labels)))
        self._place.post(msgspec.json.encode(alerts))

    def remind(self, notes: Sequence[Note]) -> None:
        lasting = [self._alert(note) for note in notes if note.lasts_ms is None]
        if lasting:
            self._place.post(msgspec.json.encode(lasting))

    def _alert(self, note: Note) -> dict[str, object]:
        begin, now = moment(note.since), self._now()
        if note.action == "close":
            end = max(begin, min(moment(note.ts), now))
        elif note.lasts_ms is not None:
            end = moment(note.ts) + timedelta(milliseconds=note.lasts_ms)
        else:
            end = max(begin, now) + timedelta(seconds=HELD_S)
        annotations = {"summary": summary(note, self._template), "event": note.fields["id"]}
        if note.fields["runbook"]:
            annotations["runbook_url" if LINK.fullmatch(note.fields["runbook"]) else "runbook"] = note.fields["runbook"]
        return {"labels": note.labels, "annotations": annotations, "startsAt": begin, "endsAt": end}
