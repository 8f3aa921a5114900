"""The archive's dataflow: events -> rows of table `request`. Its names are recovery schema (flows/README.md)."""

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from operators.sources.archive import Item

NAME = "rollguard_archive"
INPUT = f"{NAME}.input"  # The step whose state says where reading continues.


def build(source: Source[Item], rows: Sink[Item]) -> Dataflow:
    """Return the dataflow from source to rows: all work is done in the source, partition by partition."""
    flow = Dataflow(NAME)
    op.output("clickhouse", op.input("input", flow, source), rows)
    return flow
