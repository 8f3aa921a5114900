"""The main dataflow: events, feedback and commands in; aggregates, verdicts, control events and dead letters out."""

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink
from prometheus_client import CollectorRegistry

from flows.zeros import begin_at_zero
from operators.connectors.spill import SpillFile
from operators.handing_over import Coming
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.rows.verdicts import outcome_rows
from operators.sources.monitor import Item
from operators.steps import (
    close_panes,
    evaluate_shards,
    events_of,
    hold_panes,
    rows_by,
    slide_windows,
    write_panes,
    write_progress,
    write_windows,
)
from operators.store.rows import Rows
from operators.window.pane_items import ShardInput
from operators.wire.control import ControlEvent


def build(
    policy: Policy,
    source: Source[Item],
    rows: Sink[tuple[str, Rows]],
    dead: Sink[tuple[str, Rows]],
    control: Sink[tuple[str, ControlEvent]],
    metrics: Metrics | None = None,
    *,
    recover: bool = False,
    coming: Coming | None = None,
    spill: SpillFile | None = None,
) -> Dataflow:
    """Return the dataflow; `rows` gets the rows of every table, `dead` those of dead_letter once more.

    `control` gets the control events.

    With `recover` its steps save their state for a recovery store; saved closed panes are kept in `spill`, or in
    memory. `coming` are models that come from another policy file.
    """
    metrics = metrics or Metrics(CollectorRegistry())
    begin_at_zero(metrics)
    flow = Dataflow("rollguard")
    items = op.input("input", flow, source)
    # (shard, ShardInput) and (input name, Rows)
    kinds = op.branch("kinds", items, _is_shard_input)
    inputs: KeyedStream[ShardInput] = kinds.trues  # type: ignore[assignment]  # Bytewax's branch is untyped.
    stored: KeyedStream[Rows] = kinds.falses  # type: ignore[assignment]
    closed = close_panes("panes", inputs, policy, metrics, recover, coming or Coming())
    # (shard, Closed)
    panes = write_panes("pane_rows", closed, policy)
    progress = write_progress("progress_rows", closed, policy)
    held = hold_panes("ring", closed, policy, spill) if recover else closed
    moved = slide_windows("windows", held, policy, recover)
    # (shard, PaneWithWindows)
    windows = write_windows("window_rows", moved, policy)
    outcomes = evaluate_shards("judge", moved, policy, metrics, recover, coming or Coming())
    # (shard, PaneOutcome)
    verdicts = op.flat_map_value("verdict_rows", outcomes, rows_by(policy, outcome_rows))
    # (shard, Rows)
    op.output("clickhouse", op.merge("rows", stored, panes, progress, windows, verdicts), rows)
    op.output("control", op.flat_map_value("events", outcomes, events_of), control)
    op.output("dead_letters", op.filter("letters", stored, lambda item: item[1].table == "dead_letter"), dead)
    return flow


def _is_shard_input(item: Item) -> bool:
    return isinstance(item[1], ShardInput)
