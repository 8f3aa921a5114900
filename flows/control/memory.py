"""What a follower of the control topic remembers over a restart: its position, and which events it has acted on."""

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

MODELS_MAX = 100_000  # Limit on remembered revisions, one per model, and on waiting events.
NOTES_MAX = 1_000  # Notes that wait for one service.
INCIDENTS_MAX = 10_000
IDS_MAX = 10_000  # Events come again when a worker sends its last epoch again: a few, and soon.


class NoMemory(Exception):
    """The file is not a follower's memory, or it is another follower's."""


class _Kept(msgspec.Struct, kw_only=True):
    """`revisions` has the largest one per model; `ids` are in the order in which they came.

    `waiting` are the events whose hooks failed, one per model: the newest, unless a newer one was acted on. `unsent`
    are the notes not sent yet, by service, and `incidents` the open ones, by key.
    """

    positions: dict[str, int] = {}
    revisions: dict[str, int] = {}
    ids: list[str] = []
    waiting: dict[str, msgspec.Raw] = {}
    unsent: dict[str, list[Note]] = {}
    incidents: dict[str, Note] = {}


class Memory:
    """Kept in `path`, if there is one. The file is written after an event was acted on: what it holds was done."""

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
        """Return the revision that outdates this event, which then must not be acted on; None if none does.

        Events about no model come from every worker that reads the same inputs, with its own revisions, and steer
        nothing.
        """
        if not event.model:
            return None
        newest = self._revisions.get(event.model)
        return newest if newest is not None and event.revision < newest else None

    def note(self, written: WrittenEvent, event: ControlEvent | None) -> None:
        """Remember that a message is dealt with."""
        self.positions[written.source] = written.next
        self._dirty = True
        if event is not None:
            self._ids[event.id] = None
            self._revisions[event.model] = max(event.revision, self._revisions.get(event.model, event.revision))
            _drop(self._ids, IDS_MAX)
            _drop(self._revisions, MODELS_MAX)

    def wait(self, model: str, body: bytes | None) -> None:
        """Keep the event of a model that is to be tried again, in place of an earlier one; None: there is none."""
        if body is None:
            self._dirty = self.waiting.pop(model, None) is not None or self._dirty
            return
        self.waiting[model] = body
        self._dirty = True
        _drop(self.waiting, MODELS_MAX)

    def keep_open(self, note: Note) -> None:
        """Remember an open incident by its note, or that it is over."""
        if note.action in ("open", "update"):
            self.incidents[note.key] = note
            _drop(self.incidents, INCIDENTS_MAX)
        elif note.action == "close":
            self.incidents.pop(note.key, None)
        self._dirty = True

    def queue(self, service: str, note: Note) -> int:
        """Keep a note for a service; return how many older ones were dropped for it."""
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
        """Continue from these positions, a follower's at its start."""
        self._dirty = self._dirty or positions != self.positions
        self.positions = dict(positions)

    def save(self) -> None:
        """Write everything to disk, all or nothing. OSError."""
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
    """Hold the memory in `path`, or without a path one for this run alone. NoMemory, OSError."""
    if path is None:
        yield Memory(None)
        return
    # Two followers of one file would each act on half of the events. The lock ends with its process.
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NoMemory(f"{path}: another follower remembers here; name another file with --state") from error
        yield Memory(path)


def _drop(entries: dict[str, Any], most: int) -> None:
    """Forget the oldest entry if there are more than `most`."""
    if len(entries) > most:
        del entries[next(iter(entries))]


def _load(path: Path) -> _Kept:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return _Kept()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoMemory(f"{path}: holds nothing that a follower wrote: {error}") from error
