"""The request log of files: what `rollguard replay --archive` runs after the monitor, into the same store."""

from collections.abc import Sequence

from bytewax.dataflow import Dataflow
from bytewax.outputs import Sink

from flows.archive.flow import build
from operators.archive.log import Taken
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.archive import ArchiveSource, Item
from operators.sources.input import Input, InputWatch


def flow_of(inputs: Sequence[Input], policy: Policy, stop: Stop, metrics: Metrics, sink: Sink[Item]) -> Dataflow:
    """Return the dataflow from those inputs that carry events. The monitor has already counted refused items."""

    def taken(name: str, taken: Taken) -> None:
        for kind, count in taken.redacted.items():
            metrics.add("redacted", count, kind)

    events = [each for each in inputs if each.stream == "events"]
    return build(ArchiveSource(events, policy, stop=stop, watch=InputWatch(), taken=taken), sink)
