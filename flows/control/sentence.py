"""A control event's sentence as people read it: one line of printable characters, cut."""

from flows.plain import plain
from operators.release import sentence as saying
from operators.texts import cut
from operators.wire.control import ControlEvent

SENTENCE_MAX = 900  # Characters.
NAME_MAX = 200


def sentence(event: ControlEvent) -> str:
    """Return the sentence of an event; for a worker that wrote none, one made from the event."""
    return clean(event.sentence or saying.sentence(event), SENTENCE_MAX)


def clean(text: str, longest: int = NAME_MAX) -> str:
    """Return text from outside on one line, printable and cut."""
    return cut(plain(" ".join(text.split())), longest)
