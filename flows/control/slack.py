"""Events as sentences, by an incoming webhook of Slack."""

from collections.abc import Sequence

import msgspec

from flows.control.notes import Note
from flows.control.posting import Place
from flows.control.template import Template


class Slack:
    """An incoming webhook of Slack, or of a compatible service: every event is a sentence."""

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
        """Do nothing: earlier messages are still there to read."""


def escape(text: str) -> str:
    """Return text that Slack shows as it is: no link, no mention.

    >>> escape("<!channel> a & b")
    '&lt;!channel&gt; a &amp; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
