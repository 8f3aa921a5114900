"""What a follower of the control topic remembers over a restart: where it is, and which events it has acted on."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from flows.control.notes import Note
from operators.connectors.control.follower import WrittenEvent
from operators.wire.control import ControlEvent

MODELS_MAX = 100_000  # The revisions of more models are not remembered, nor more than so many events that wait.
NOTES_MAX = 1_000  # That one service has not been told of yet.
INCIDENTS_MAX = 10_000
IDS_MAX = 10_000  # An event comes again because a worker sent its last epoch again: a few, and soon.


class NoMemory(Exception):
    """The file cannot be what is remembered: it is something else, or another follower's."""


class _Kept(msgspec.Struct, kw_only=True):
    """`revisions` is the largest one per model; `ids` are in the order in which they came.

    `waiting` are the events of which hooks failed, one per model: the newest, unless a newer one was acted on.
    `unsent` are the notes that services have not been told of, by service, and `incidents` those that are open, by key.
    """

    positions: dict[str, int] = {}
    revisions: dict[str, int] = {}
    ids: list[str] = []
    waiting: dict[str, msgspec.Raw] = {}
    unsent: dict[str, list[Note]] = {}
    incidents: dict[str, Note] = {}


class Memory:
    """Kept in `path`, if there is one. What is in the file was done: it is written after an event was acted on."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._dirty = False
        kept = _Kept() if path is None else _load(path)
        self.positions = kept.positions
        self._revisions = kept.revisions
        self._ids = dict.fromkeys(kept.ids)
        self.waiting = {model: bytes(body) for model, body in kept.waiting.items()}
        self.unsent = kept.unsent
        self.incidents = kept.incidents

    def knows(self, event: ControlEvent) -> bool:
        return event.id in self._ids

    def newest(self, event: ControlEvent) -> int | None:
        """Return the revision that makes this event an older one, which must not be acted on; None if it is not.

        Of no model every worker that reads the same inputs writes, with revisions of its own, and nothing is steered.
        """
        if not event.model:
            return None
        newest = self._revisions.get(event.model)
        return newest if newest is not None and event.revision < newest else None

    def note(self, written: WrittenEvent, event: ControlEvent | None) -> None:
        """Remember that a message is done with."""
        self.positions[written.source] = written.next
        self._dirty = True
        if event is not None:
            self._ids[event.id] = None
            self._revisions[event.model] = max(event.revision, self._revisions.get(event.model, event.revision))
            _drop(self._ids, IDS_MAX)
            _drop(self._revisions, MODELS_MAX)

    def wait(self, model: str, body: bytes | None) -> None:
        """Keep the event of a model that is to be tried again, instead of one before it; None: there is none."""
        if body is None:
            self._dirty = self.waiting.pop(model, None) is not None or self._dirty
            return
        self.waiting[model] = body
        self._dirty = True
        _drop(self.waiting, MODELS_MAX)

    def keep_open(self, note: Note) -> None:
        """Remember that an incident is open, and how, or that it is over."""
        if note.action in ("open", "update"):
            self.incidents[note.key] = note
            _drop(self.incidents, INCIDENTS_MAX)
        elif note.action == "close":
            self.incidents.pop(note.key, None)
        self._dirty = True

    def queue(self, service: str, note: Note) -> int:
        """Keep a note for a service; return how many older ones were forgotten for it."""
        notes = self.unsent.setdefault(service, [])
        notes.append(note)
        gone = max(0, len(notes) - NOTES_MAX)
        del notes[:gone]
        self._dirty = True
        return gone

    def sent(self, service: str) -> None:
        """Forget the oldest note for a service."""
        del self.unsent[service][0]
        self._dirty = True

    def follow(self, positions: dict[str, int]) -> None:
        """Go on from these positions, which a follower has when it begins."""
        self._dirty = self._dirty or positions != self.positions
        self.positions = dict(positions)

    def save(self) -> None:
        """Put everything on disk, all or nothing. OSError."""
        if self._path is None or not self._dirty:
            return
        waiting = {model: msgspec.Raw(body) for model, body in self.waiting.items()}
        kept = _Kept(positions=self.positions, revisions=self._revisions, ids=list(self._ids), waiting=waiting)
        kept.unsent, kept.incidents = self.unsent, self.incidents
        partial = self._path.with_name(f"{self._path.name}.new")
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        self._dirty = False


@contextmanager
def opened(path: Path | None) -> Iterator[Memory]:
    """Hold what is remembered in `path`, or nothing for longer than this. NoMemory, OSError."""
    if path is None:
        yield Memory(None)
        return
    # Two followers of one file would each do half of the events. The lock outlives no process.
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NoMemory(f"{path}: another follower remembers here; name another file with --state") from error
        yield Memory(path)


def _drop(entries: dict[str, Any], most: int) -> None:
    """Forget the oldest of more entries than that."""
    if len(entries) > most:
        del entries[next(iter(entries))]


def _load(path: Path) -> _Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return _Kept()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoMemory(f"{path}: holds nothing that a follower wrote: {error}") from error
