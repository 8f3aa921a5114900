"""Incidents of PagerDuty, by its Events API v2."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from flows.control.commands import WrongCommand
from flows.control.notes import Note, at_least
from flows.control.posting import Place
from flows.control.sentence import clean
from flows.control.services import LINK, moment, summary
from flows.control.template import Template

SUMMARY_MAX = 950  # Characters; PagerDuty takes 1,024, and a cut text says so in some 50.
ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")
CRITICAL = {"page": "critical", "ticket": "warning"}
ACTIONS = {"close": "resolve", "acknowledge": "acknowledge"}  # Else "trigger".


class PagerDuty:
    """Events API v2 of PagerDuty: incidents of at least severity `least` are triggered, acknowledged and resolved."""

    name = "pagerduty"

    def __init__(self, url: str, key: str | None, least: str, template: Template | None, timeout_s: float) -> None:
        if key is None or not ROUTING_KEY.fullmatch(key):
            raise WrongCommand("--pagerduty: ROLLGUARD_PAGERDUTY_KEY must be a routing key of 32 letters and digits")
        self._place = Place(url, "ROLLGUARD_PAGERDUTY_URL", timeout_s)
        self._key = key
        self._least = least
        self._template = template

    def wants(self, note: Note) -> bool:
        if note.action == "notice" and note.kind != "alert":
            return False
        if note.action == "update":  # An update joins the incident, and wakes nobody.
            return at_least(note.fields["severity"], self._least)
        # An incident that began before the follower may be open there; ending one that is not does nothing.
        unknown = not note.known and note.action in ("close", "acknowledge")
        return unknown or at_least(note.severity, self._least)

    def send(self, note: Note) -> None:
        body: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": ACTIONS.get(note.action, "trigger"),
            "dedup_key": note.key,
        }
        if body["event_action"] == "trigger":
            body |= {"client": "rollguard", "payload": self._payload(note)}
            if LINK.fullmatch(note.fields["runbook"]):
                body["links"] = [{"href": note.fields["runbook"], "text": "Runbook"}]
        self._place.post(msgspec.json.encode(body))

    def remind(self, notes: Sequence[Note]) -> None:
        """Do nothing: PagerDuty forgets nothing."""

    def _payload(self, note: Note) -> dict[str, object]:
        return {
            "summary": clean(summary(note, self._template), SUMMARY_MAX),
            "source": note.labels["model"] or "rollguard",
            "severity": CRITICAL.get(note.severity, "info"),
            "timestamp": moment(note.ts),
            "component": note.labels["version"],
            "class": note.labels["rule"],
            "custom_details": {name: text for name, text in note.fields.items() if text},
        }
