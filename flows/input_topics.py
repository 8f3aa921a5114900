"""The topics that a worker reads: each one's stream and format."""

import re
from collections.abc import Iterator
from typing import get_args

import msgspec

from operators.ingest.formats.format import Stream
from operators.ingest.formats.registry import FORMATS

MORE: tuple[Stream, ...] = ("events", "feedback")  # Commands come from one topic, which gives their order.
NAMES = r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}"  # Kafka's rule for names of topics.


class InputTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic, its stream, and the format of its messages."""

    name: str
    stream: Stream
    form: str = "native"


def more_topics_of(text: str) -> list[InputTopic]:
    """Return the topics of a setting `TOPIC:STREAM[:FORMAT],...`. ValueError.

    >>> [(each.stream, each.form) for each in more_topics_of("shop.spans:events:otlp,shop.labels:feedback")]
    [('events', 'otlp'), ('feedback', 'native')]
    >>> more_topics_of("shop.labels:labels")
    Traceback (most recent call last):
    ValueError: 'shop.labels:labels': must be TOPIC:events or TOPIC:feedback, with :FORMAT of native, otlp, arrow
    """
    return [_topic_of(each.strip()) for each in text.split(",") if each.strip()]


def joined_topics(topics: Iterator[InputTopic]) -> dict[str, InputTopic]:
    """Return topics by name. ValueError where one is named twice: its items would count twice."""
    found: dict[str, InputTopic] = {}
    for each in topics:
        if each.name in found:
            raise ValueError(f"{each.name!r}: is named twice")
        found[each.name] = each
    return found


def _topic_of(text: str) -> InputTopic:
    name, _, rest = text.partition(":")
    stream, _, form = rest.partition(":")
    if not re.fullmatch(NAMES, name):
        raise ValueError(f"{text!r}: a topic's name has letters, digits, '.', '_' and '-', at most 249")
    if stream not in MORE or (form or "native") not in FORMATS or rest.endswith(":"):
        streams = " or ".join(f"TOPIC:{each}" for each in get_args(Stream) if each in MORE)
        raise ValueError(f"{text!r}: must be {streams}, with :FORMAT of {', '.join(FORMATS)}")
    return InputTopic(name=name, stream=stream, form=form or "native")
