"""Items in the wrong topic: feedback among events would be counted as requests that went well.

Feedback has all that an event needs, so it can be read as one. It is recognised by its kind, if it has nothing that
only events have; an item that has is an event, even with a field `kind`.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import get_args

import msgspec

from operators.wire.events import ABSENT, Event, Feedback, FeedbackKind

REASON = "wrong_topic"
KINDS = frozenset(msgspec.json.encode(kind) for kind in get_args(FeedbackKind))
EVENTS_ALONE = sorted(set(Event.__struct_fields__) - set(Feedback.__struct_fields__) - {"attempt"})

_alone = attrgetter(*EVENTS_ALONE)


def feedback_faults(events: Sequence[Event]) -> dict[int, tuple[str, str]]:
    """Return by index which events are feedback, as (reason, detail). Some 20 ns an event."""
    kinds = [event.kind for event in events]
    if kinds.count(ABSENT) == len(kinds):
        return {}
    return {
        index: (REASON, f"feedback of kind {bytes(kind).decode()} in a topic of events")
        for index, kind in enumerate(kinds)
        if bytes(kind) in KINDS and all(value in (None, ABSENT) for value in _alone(events[index]))
    }


def is_event(text: bytes) -> bool:
    """Tell whether an item that was refused as feedback for lack of a kind is an event."""
    try:
        event = msgspec.json.decode(text, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return event.kind == ABSENT
