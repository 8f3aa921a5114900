"""One run of a worker beside the monitor: opens and checks its store and topics, then runs its dataflow."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import timedelta

import msgspec
from bytewax.dataflow import Dataflow

from flows import engine, settings, topic_watch
from flows.options import Options
from flows.pulse import Pulse
from flows.recovery.saved import check_logs
from flows.recovery.store import opened
from flows.topic_watch import TopicWatch
from flows.topics import Topics, tell_clocks
from operators.connectors.clickhouse.client import held
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.stop import Stop
from operators.policy.policy import Policy


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker reads and writes; `step` is its source's step, and `log_of` reads the log's id from that state.

    `stores`: the worker needs ClickHouse.
    """

    read: Sequence[str]
    written: Sequence[str]
    step: str
    log_of: Callable[[bytes], str]
    stores: bool = True


# Makes the dataflow of topics; it must call its second argument once the engine begins.
Flow = Callable[[Topics, Callable[[], None]], Dataflow]


def run_once(
    where: settings.Settings, policy: Policy, options: Options, stop: Stop, pulse: Pulse, side: Side, flow: Flow
) -> None:
    """Run a dataflow until `stop` is requested. Raises what stopped it: failures of connectors, or of the engine."""
    url = settings.store(where, None)
    tables = held(url) if side.stores else nullcontext()
    with opened(options.recovery, options.process, options.processes) as store, tables:
        topics = Topics(where.kafka, side.read, side.written)
        topics.leave_out(check_logs(store.parts, topics.ids, side.step, side.log_of))
        if options.process == 0:
            if side.stores:
                migrate(url, settings.migrations())
            tell_clocks(where.kafka, side.read, policy)
        dataflow = flow(topics, store.begun)
        watch = TopicWatch(topics.describe, topics.topic_ids, pulse, stop)
        with topic_watch.watching(watch, pulse.ready_s):
            epoch = timedelta(seconds=options.epoch_s)
            engine.run(dataflow, options.process, options.addresses, epoch, store.config)
