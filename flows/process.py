"""One long-running process of a worker: it answers probes, is watched, and restarts its dataflow where it must."""

import logging
from collections.abc import Callable

from flows import health, watchdog
from flows.garbage import collect_rarely
from flows.logs import LOGGER
from flows.options import Options
from flows.pulse import Pulse
from flows.settings import Settings
from operators.connectors.stop import Stop
from operators.metrics import Metrics

READY_EPOCHS = 5  # A worker with long epochs stays ready for at least this many without the end of one.
# Parts of the sinks, shared out among the processes. Recovery schema: a store knows its parts by name, for ever.
PARTS = tuple(str(number) for number in range(16))

log = logging.getLogger(LOGGER)


def run(where: Settings, options: Options, stop: Stop, metrics: Metrics, dataflow: Callable[[Pulse], None]) -> None:
    """Run `dataflow` until `stop` is requested, restarting from its last epoch where that is asked for.

    Raises what stopped it: failures of connectors, or of the engine.
    """
    collect_rarely()
    pulse = Pulse(ready_s=max(where.ready_s, READY_EPOCHS * options.epoch_s), stuck_s=where.stuck_s)
    server = health.serve(options.listen, metrics, pulse)
    try:
        with watchdog.watching(pulse, stop, metrics):
            dataflow(pulse)
            while stop.renew():
                log.warning("the dataflow begins again from its last epoch")
                pulse.begin()
                dataflow(pulse)
    finally:
        server.shutdown()
        server.server_close()
    if stop.error is not None:
        raise stop.error
    log.info("worker ended")
