"""Commands as rows of table `command`: who asked for what, when, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from operators.release.by_hand import by
from operators.release.floods import TOO_MANY, parted
from operators.store.rows import Rows
from operators.window.waiting_commands import Due
from operators.wire.commands import Command, Release
from operators.wire.control import ControlEvent, Refusal
from operators.wire.events import ms_of

# The rules of events by which a model refuses a command.
REFUSALS = ("commands:withdrawn", "commands:withdrawn_baseline", "commands:bad_ring", "commands:no_silence")
WHERE = ("model", "at", "obeyed", "type", "by", "id", "fields", "accepted", "reason")
NOT_SHOWN = ("type", "id", "ts", "by", "model", "signature")


def command_rows(due: Sequence[Due], events: Sequence[ControlEvent], end_ms: int) -> Rows:
    """Return a row for each command and refusal of a pane that ends at `end_ms`.

    `events` are those of the pane. A command for all models is obeyed by every shard in its turn, so it has no one time
    of effect.
    """
    refused = [event for event in events if event.rule in REFUSALS]
    rows = list(_rows(due, refused, _dropped(due, [event for event in events if event.rule == TOO_MANY]), end_ms))
    columns: dict[str, list[Any]] = {name: [row[place] for row in rows] for place, name in enumerate(WHERE)}
    return Rows(table="command", columns=columns | {"ver": [1 for _ in rows]})


def _dropped(due: Sequence[Due], floods: Sequence[ControlEvent]) -> dict[int, str]:
    """Return, by `id()` of the commands to one model, why they were dropped: too many of their kind came."""
    found: dict[int, str] = {}
    for event in floods:
        # A command to all models goes to each of them.
        addressed = [each for each in due if getattr(each, "model", None) in (None, "", event.model)]
        found |= {id(each): event.reason for each in parted(addressed)[1] if getattr(each, "model", None)}
    return found


def _rows(
    due: Sequence[Due], refused: Sequence[ControlEvent], dropped: Mapping[int, str], end_ms: int
) -> Iterator[tuple[Any, ...]]:
    for each in due:
        if isinstance(each, Refusal):
            place = f"{each.source}/{each.position}/{each.item}"
            fields = msgspec.json.encode({"count": each.count}).decode()
            yield each.model, end_ms, end_ms, "", "", place, fields, 0, f"{each.reason}: {each.detail}"
        elif isinstance(each, Command):
            reason = dropped.get(id(each)) or next((event.reason for event in refused if _is_about(event, each)), "")
            yield (
                each.model or "",
                ms_of(each.ts),
                end_ms if each.model else None,
                str(each.__struct_config__.tag),
                each.by,
                each.id,
                _fields(each),
                int(not reason),
                reason,
            )


def _is_about(event: ControlEvent, command: Command) -> bool:
    """Tell whether an event says that this very command is not obeyed."""
    if event.model != (getattr(command, "model", None) or ""):
        return False
    if event.rule == "commands:withdrawn_baseline":
        return isinstance(command, Release) and event.version == command.candidate
    ending = f"; {by(command)}"
    return event.reason.endswith(ending) or f"{ending};" in event.reason


def _fields(command: Command) -> str:
    known = msgspec.to_builtins(command)
    return msgspec.json.encode(
        {name: each for name, each in known.items() if name not in NOT_SHOWN and each != ""}
    ).decode()
