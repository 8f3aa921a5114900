"""Enrich's dataflow: raw feedback -> feedback with context, and dead letters. Its names are recovery schema."""

from collections.abc import Callable
from typing import cast

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink

from operators.connectors.kafka.producer import KafkaMessage
from operators.ingest.relayed import origin_header
from operators.sources.enrich import Item, Outgoing
from operators.store.rows import Rows

NAME = "rollguard_enrich"
INPUT = f"{NAME}.input"  # The step whose state says where reading continues.


def build(
    source: Source[Item],
    feedback: Sink[tuple[str, Outgoing]],
    rows: Sink[tuple[str, Rows]],
    letters: Sink[tuple[str, Rows]],
) -> Dataflow:
    """Return the dataflow; `rows` and `letters` both get the dead letters."""
    flow = Dataflow(NAME)
    kinds = op.branch("kinds", op.input("input", flow, source), lambda item: isinstance(item[1], Rows))
    refused = cast(KeyedStream[Rows], kinds.trues)
    op.output("clickhouse", refused, rows)
    op.output("dead_letters", refused, letters)
    op.output("feedback", cast(KeyedStream[Outgoing], kinds.falses), feedback)
    return flow


def to_feedback(topic: str) -> Callable[[Outgoing], list[KafkaMessage]]:
    """Return a function that makes a message of each item, with the item's origin."""

    def encode(outgoing: Outgoing) -> list[KafkaMessage]:
        return [
            KafkaMessage(
                topic,
                None,
                each.value,
                outgoing.partition,
                headers=(origin_header(outgoing.log, each.position, each.item),),
            )
            for each in outgoing.items
        ]

    return encode
