"""Sends judgements from files to the topics that the worker writes, as if made now."""

from pathlib import Path

from flows import produce
from flows.evaluate.files import EVENTS, FEEDBACK
from flows.settings import Settings
from operators.connectors.kafka.client import partitions_of
from operators.connectors.stop import Stop


def require_topics(where: Settings) -> None:
    """KafkaFailure where nothing could be sent, before judging costs anything."""
    for topic in _topics(where).values():
        partitions_of(where.kafka, [topic])


def send(where: Settings, folder: Path, stop: Stop) -> None:
    """Send judgements with the present time: with that of their requests, days ago, they would be too late.

    OSError or KafkaFailure; what was sent until then stays sent.
    """
    for name, topic in _topics(where).items():
        produce.run([folder / name], where.kafka, produce.Options(topic=topic, now=True), stop)


def _topics(where: Settings) -> dict[str, str]:
    """Return the topic of each file. Judges' own events are native JSON: others could not read them in that topic."""
    events = {EVENTS: where.events_topic} if where.events_format == "native" else {}
    return {FEEDBACK: where.feedback_topic} | events
