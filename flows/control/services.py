"""The services that people hear of incidents by: what each is sent."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from flows.control.commands import WrongCommand
from flows.control.notes import Note, at_least
from flows.control.posting import Place
from flows.control.sentence import clean
from flows.control.template import Template

HELD_S = 7 * 86_400  # An alert stands for so long after the follower was last heard of: silence is no good news.
SUMMARY_MAX = 950  # Characters; PagerDuty takes 1,024, and a text that is cut says so in some 50.
LINK = re.compile(r"https?://[!-~]+")
ROUTING_KEY = re.compile(r"[A-Za-z0-9]{32}")
CRITICAL = {"page": "critical", "ticket": "warning"}
ACTIONS = {"open": "trigger", "notice": "trigger", "close": "resolve", "acknowledge": "acknowledge"}


class Service(Protocol):
    """Is told of notes in their order; `send` raises HookFailed. `name` is what its queue is remembered by."""

    name: str

    def wants(self, note: Note) -> bool: ...

    def send(self, note: Note) -> None: ...

    def remind(self, notes: Sequence[Note]) -> None:
        """Say again what is open, to a service that forgets."""


class Alertmanager:
    """Prometheus' Alertmanager, API v2, at `url`: an incident is an alert, which ends when it does.

    An Alertmanager that is restarted has forgotten its alerts, so what is open is sent again now and then.
    """

    name = "alertmanager"

    def __init__(self, url: str, template: Template | None, timeout_s: float, now: Callable[[], datetime]) -> None:
        self._place = Place(f"{url.rstrip('/')}/api/v2/alerts", "--alertmanager", timeout_s)
        self._template = template
        self._now = now

    def wants(self, note: Note) -> bool:
        # It has no word for an acknowledgement, and knows only the labels with which something began.
        return note.action != "acknowledge" and (note.known or note.action != "close")

    def send(self, note: Note) -> None:
        alerts = [self._alert(note)]
        if note.was:  # To Alertmanager another severity is another alert.
            labels = note.labels | {"severity": note.was}
            alerts.insert(0, self._alert(msgspec.structs.replace(note, action="close", labels=labels)))
        self._place.post(msgspec.json.encode(alerts))

    def remind(self, notes: Sequence[Note]) -> None:
        standing = [self._alert(note) for note in notes if note.lasts_ms is None]
        if standing:
            self._place.post(msgspec.json.encode(standing))

    def _alert(self, note: Note) -> dict[str, object]:
        begin, now = _time(note.since), self._now()
        if note.action == "close":
            end = max(begin, min(_time(note.ts), now))
        elif note.lasts_ms is not None:
            end = _time(note.ts) + timedelta(milliseconds=note.lasts_ms)
        else:
            end = max(begin, now) + timedelta(seconds=HELD_S)
        annotations = {"summary": _text(note, self._template), "event": note.fields["id"]}
        if note.fields["runbook"]:
            annotations["runbook_url" if LINK.fullmatch(note.fields["runbook"]) else "runbook"] = note.fields["runbook"]
        return {"labels": note.labels, "annotations": annotations, "startsAt": begin, "endsAt": end}


class Slack:
    """An incoming webhook of Slack, or of what takes the same: every event is a sentence."""

    name = "slack"

    def __init__(self, url: str, template: Template | None, timeout_s: float) -> None:
        self._place = Place(url, "--slack", timeout_s)
        self._template = template or Template("{sentence} {runbook}")

    def wants(self, note: Note) -> bool:
        return not note.quiet

    def send(self, note: Note) -> None:
        text = self._template.fill(note.fields, escape).strip()
        self._place.post(msgspec.json.encode({"text": text, "unfurl_links": False}))

    def remind(self, notes: Sequence[Note]) -> None:
        """Do nothing: what was said is there to read."""


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
        if note.action == "update" or (note.action == "notice" and note.kind != "alert"):
            return False
        # What began before anybody followed may be open there; ending what is not does nothing.
        unknown = not note.known and note.action in ("close", "acknowledge")
        return unknown or at_least(note.severity, self._least)

    def send(self, note: Note) -> None:
        body: dict[str, Any] = {
            "routing_key": self._key,
            "event_action": ACTIONS[note.action],
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
            "summary": clean(_text(note, self._template), SUMMARY_MAX),
            "source": note.labels["model"] or "rollguard",
            "severity": CRITICAL.get(note.severity, "info"),
            "timestamp": _time(note.ts),
            "component": note.labels["version"],
            "class": note.labels["rule"],
            "custom_details": {name: text for name, text in note.fields.items() if text},
        }


def escape(text: str) -> str:
    """Return text that Slack shows as it is: no link, no mention.

    >>> escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(note: Note, template: Template | None) -> str:
    return note.fields["sentence"] if template is None else template.fill(note.fields)


def _time(ms: int) -> datetime:
    """Return a time; the last one that a calendar has instead of one beyond it."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=30)
