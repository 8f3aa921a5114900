"""Services that tell people of incidents: their protocol, and the texts that all of them share."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flows.control.notes import Note
from flows.control.template import Template

LINK = re.compile(r"https?://[!-~]+")


class Service(Protocol):
    """Gets notes in their order; `send` raises HookFailed. Its queue is remembered under `name`."""

    name: str

    def wants(self, note: Note) -> bool: ...

    def send(self, note: Note) -> None: ...

    def remind(self, notes: Sequence[Note]) -> None:
        """Repeat the open incidents, to a service that forgets."""


def summary(note: Note, template: Template | None) -> str:
    """Return what people read first: the sentence, or what the template makes of it."""
    return note.fields["sentence"] if template is None else template.fill(note.fields)


def moment(ms: int) -> datetime:
    """Return a time; the last one of the calendar for any beyond."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=30)
