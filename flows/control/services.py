"""What a service is by which people hear of incidents, and what all of them say alike."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flows.control.notes import Note
from flows.control.template import Template

LINK = re.compile(r"https?://[!-~]+")


class Service(Protocol):
    """Is told of notes in their order; `send` raises HookFailed. `name` is what its queue is remembered by."""

    name: str

    def wants(self, note: Note) -> bool: ...

    def send(self, note: Note) -> None: ...

    def remind(self, notes: Sequence[Note]) -> None:
        """Say again what is open, to a service that forgets."""


def summary(note: Note, template: Template | None) -> str:
    """Return what people read first: the sentence, or what the template makes of it."""
    return note.fields["sentence"] if template is None else template.fill(note.fields)


def moment(ms: int) -> datetime:
    """Return a time; the last one that a calendar has instead of one beyond it."""
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=30)
