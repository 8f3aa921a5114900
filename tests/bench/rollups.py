"""What adding finest series up to slices costs: its part of what windows and the evaluation of a shard take."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from operators.drift import monitors
from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.rules.pane_counts import Roster
from operators.window import windows
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.partial import Partial
from operators.window.windows import PaneWithWindows, Windows
from tests.bench.generate import lines
from tests.bench.watched import policy_of
from tests.dataflows.making import received

PANES = 38
DISTINCT = 4  # So many panes are used again and again.
SERIES, PER_SECOND = 3_600, 3_600


class Spent:
    """CPU seconds spent in some functions, which are replaced by ones that are timed."""

    def __init__(self) -> None:
        self.seconds, self._deep = 0.0, 0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **more: Any) -> Any:
            began, self._deep = time.process_time(), self._deep + 1
            try:
                return function(*args, **more)
            finally:
                self._deep -= 1
                if not self._deep:
                    self.seconds += time.process_time() - began

        return run


def panes(policy: Policy, features: int) -> list[Partial]:
    """Return closed panes of 3,600 series, each with other events."""
    events = lines((DISTINCT + 1) * PER_SECOND * policy.pane_ms // 1_000, SERIES, PER_SECOND, features)
    partition, shard = Partition("log", "events", ("log",), policy), Panes(policy)
    inputs = [
        item
        for start in range(0, len(events), 4_000)
        for _, item in partition.take(received(events[start : start + 4_000])).inputs
    ]
    closed = [each for item in inputs for each in shard.push(item) if isinstance(each, Closed)]
    return [each.on_time for each in closed if each.on_time is not None]


def cost(features: int) -> tuple[float, float]:
    """Return CPU seconds a pane: of windows and the evaluation together, and of adding up within both."""
    policy = policy_of(features)
    parts = panes(policy, features)
    adding, all_of_it = Spent(), Spent()
    kept = [
        (windows, "roll_up"),
        (windows, "outcomes_of"),
        (monitors, "roll_up_fields"),
        (Roster, "count"),
        (Windows, "numbered"),
    ]
    plain = [getattr(owner, name) for owner, name in kept]
    for owner, name in kept:
        setattr(owner, name, adding.timed(getattr(owner, name)))
    shard, running = ShardEvaluation(policy), Windows(policy, tuple(QUANTILES.values()))
    first = int(parts[0].pane[0])

    def push(number: int) -> None:
        part = parts[number % len(parts)]
        on_time = msgspec.structs.replace(part, pane=np.full(part.rows, first + number))
        closed = running.numbered(Closed(pane=first + number, on_time=on_time))
        shard.push(PaneWithWindows(closed=closed, windows=tuple(running.push(closed))))

    push(0)
    adding.seconds = 0.0
    for number in range(1, PANES):
        all_of_it.timed(push)(number)
    for (owner, name), function in zip(kept, plain, strict=True):
        setattr(owner, name, function)
    return all_of_it.seconds / (PANES - 1), adding.seconds / (PANES - 1)


def main() -> None:
    for features in (0, 4):
        whole, adding = cost(features)
        print(f"{features} features watched: {1e3 * whole:.0f} ms a pane, {adding / whole:.1%} of it adding up")


if __name__ == "__main__":
    main()
