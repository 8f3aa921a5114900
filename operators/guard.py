"""The stateful Bytewax operators of the monitor, keyed by shard: thin wrappers around engine-free classes.

The steps `panes` and `windows` are recovery schema; so are the shard keys "s00".."s63" (flows/README.md).
"""

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.metrics import Metrics
from operators.policy import Policy
from operators.rows import Rows
from operators.window.pane_rows import pane_rows
from operators.window.panes import Closed, Panes, ShardInput
from operators.window.window_rows import QUANTILES, window_rows
from operators.window.windows import Windows


def shard_key(shard: int) -> str:
    """Return the key under which Bytewax routes a shard and keeps its state."""
    return f"s{shard:02d}"


class _PanesLogic(StatefulBatchLogic[ShardInput, Closed, None]):
    def __init__(self, policy: Policy, metrics: Metrics) -> None:
        self._panes = Panes(policy)
        self._metrics = metrics

    def on_batch(self, values: list[ShardInput]) -> tuple[list[Closed], bool]:
        out = [closed for value in values for closed in self._panes.push(value)]
        if out or self._panes.open:  # Most shards never have events: they need no metrics.
            shard = str(values[-1].shard)
            self._metrics.add("open_panes", len(self._panes.open), shard)
            self._metrics.add("watermark_lag_seconds", self._panes.lag_ms / 1000, shard)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        """Nothing: a bounded run over files has no recovery store, and starts again from their beginning."""


class _WindowsLogic(StatefulBatchLogic[Closed, Rows, None]):
    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._windows = Windows(policy, tuple(QUANTILES.values()))

    def on_batch(self, values: list[Closed]) -> tuple[list[Rows], bool]:
        rows: list[Rows] = []
        for closed in values:
            for counts in self._windows.push(closed):
                rows += window_rows(counts, self._policy)
        return rows, StatefulBatchLogic.RETAIN

    def snapshot(self) -> None:
        """Nothing, as above."""


@operator
def close_panes(step_id: str, up: KeyedStream[ShardInput], policy: Policy, metrics: Metrics) -> KeyedStream[Closed]:
    """(shard, input) in; (shard, closed pane) out, in order of panes."""
    return op.stateful_batch("close", up, lambda _: _PanesLogic(policy, metrics))


@operator
def write_panes(step_id: str, up: KeyedStream[Closed], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in; (shard, rows of the pane tables) out."""
    return op.flat_map_value("rows", up, lambda closed: pane_rows(closed, policy))


@operator
def slide_windows(step_id: str, up: KeyedStream[Closed], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in, in order; (shard, rows of the window tables) out."""
    return op.stateful_batch("slide", up, lambda _: _WindowsLogic(policy))
