"""The demo: a model is served for a simulated hour, and the monitor reads its events and labels as they come.

The hour is the last whole one before the start, so that no timestamp lies in the future and queries on "the last
hours" find it. What was served is kept as files beside the store, so that it can be replayed.
"""

import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry
from rich.console import Console

from flows import replay
from flows.demo.folder import claim
from flows.demo.gateway import Gateway
from flows.demo.known import known
from flows.demo.report import conclude, introduce
from flows.demo.stage import Stage
from flows.demo.traffic import Traffic
from flows.demo.view import View
from flows.demo.world import World
from flows.summary import Summary
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.spans import HOUR_MS


def last_hour() -> World:
    """Return the world of a demo that starts now."""
    now_ms = int(time.time() * 1000)
    return World(start_ms=now_ms // HOUR_MS * HOUR_MS - HOUR_MS)


def run(
    world: World,
    seconds: float,
    data: Path,
    stop: Stop,
    console: Console,
    opened: Callable[[], None] = lambda: None,
) -> Summary:
    """Serve and watch the world in `seconds`, or as fast as it goes; everything ends up in `data`.

    `opened` is called once the store has its tables.
    """
    watched = known(world)

    def begin(out: Path) -> None:
        claim(out, world)
        watched.write(out)
        introduce(world, data, console)

    with View(console, world, watched.policy) as view:
        traffic = Traffic(world, Gateway(data / replay.CONTROL, view.hear).share)
        inputs = Stage(traffic, seconds).inputs(data)
        metrics = Metrics(CollectorRegistry())
        summary = replay.run(inputs, watched.policy, data, stop, metrics, claim=begin, watch=view, opened=opened)
        if summary.complete:
            view.finish()
    if summary.complete:
        conclude(summary, traffic, data, console)
    return summary
