"""Evaluate's dataflow: events -> feedback, and the judges' own events. Its names are recovery schema."""

from collections.abc import Callable

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from operators.connectors.kafka.producer import KafkaMessage
from operators.enrich.waiting import Complete
from operators.ingest.relayed import origin_header
from operators.sources.evaluate import Item, Spoken

NAME = "rollguard_evaluate"
INPUT = f"{NAME}.input"  # The step whose state says where reading continues.


def build(source: Source[Item], *sinks: tuple[str, Sink[Item]]) -> Dataflow:
    """Return the dataflow; each sink, by its name, gets all output."""
    flow = Dataflow(NAME)
    outgoing = op.input("input", flow, source)
    for name, sink in sinks:
        op.output(name, outgoing, sink)
    return flow


def to_topics(feedback: str, events: str | None) -> Callable[[Spoken], list[KafkaMessage]]:
    """Return a function that makes messages of the output, each with the position of its request.

    Without a topic for them, the judges' events are not written.
    """

    def encode(spoken: Spoken) -> list[KafkaMessage]:
        def message(topic: str, partition: int, each: Complete) -> KafkaMessage:
            header = origin_header(spoken.log, each.position, each.item)
            return KafkaMessage(topic, None, each.value, partition, headers=(header,))

        outgoing = [message(feedback, spoken.feedback_partition, each) for each in spoken.feedback]
        if events is not None:
            outgoing += [message(events, spoken.events_partition, each) for each in spoken.events]
        return outgoing

    return encode
