"""What a person sees while the demo runs: the counts of the monitor as they come, on a terminal or as plain lines."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flows.demo.folder import EVENTS
from flows.demo.serve import BASELINE, CANDIDATE
from flows.demo.traffic import REGIONS
from flows.demo.world import World
from operators.ingest.partition import Batch
from operators.policy.policy import Policy
from operators.spans import MINUTE_MS
from operators.window.partial import BAD, GOOD, Partial
from operators.wire.control import ControlEvent

STEPS = 12  # The hour is shown in so many steps.
DRAW_MS = 30_000  # Simulated time between two drawings: six a second at the usual pace.
BLOCKS = "▁▂▃▄▅▆▇█"
SHARE_MIN = 0.5  # The lowest block of a chart: guessing between two classes of equal size does as well.


class View:
    """A context that is called with every batch the monitor took. It shows shares from its own counts."""

    def __init__(self, console: Console, world: World, policy: Policy) -> None:
        self._console, self._world = console, world
        self._correct = [sli.name for sli in policy.slis].index("correct")
        self._region = policy.dimensions.index("region")
        self._pane_ms = policy.pane_ms
        self._step_ms = world.length_ms // STEPS
        self._step = f"{self._step_ms / MINUTE_MS:g} min"
        # (version, region) -> good and bad answers by step of the hour.
        self._counted: dict[tuple[str, str], NDArray[np.int64]] = defaultdict(lambda: np.zeros((STEPS, 2), np.int64))
        self._requests = self._labels = 0
        self._shown_ms = world.start_ms
        drawn = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
        self._live = Live(console=console, auto_refresh=False) if drawn else None

    def __enter__(self) -> "View":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, name: str, batch: Batch) -> None:
        if name.endswith(EVENTS):
            self._requests += batch.items
            self._show(batch.newest_ms)
            return
        self._labels += batch.items
        for _, shard_input in batch.inputs:
            for _, partial in shard_input.partials:
                self._count(partial)

    def hear(self, event: ControlEvent) -> None:
        """Show what the gateway was told, except alerts: slices raise them again and again, and the end shows them."""
        if event.type != "alert":
            worst = f", worst in {event.slices[0].slice}" if event.slices else ""
            pinned = "" if event.pin is None else f", {event.model} is pinned to {event.pin}"
            line = f"{utc(event.ts)} UTC  {event.type} {event.version}{worst}{pinned}"
            self._console.print(line, style="bold", soft_wrap=True)

    def finish(self) -> None:
        """Show the whole hour; the last labels came after the last requests were shown."""
        self._draw(self._world.end_ms)

    def _count(self, partial: Partial) -> None:
        steps = (partial.pane * self._pane_ms - self._world.start_ms) // self._step_ms
        for which, step, counts in zip(partial.which, steps, partial.slis[:, self._correct], strict=True):
            series = partial.series[which]
            self._counted[series.version, series.values[self._region]][step] += counts[[GOOD, BAD]]

    def _show(self, now_ms: int) -> None:
        every_ms = self._step_ms if self._live is None else min(DRAW_MS, self._step_ms)
        if (now_ms - self._world.start_ms) // every_ms == (self._shown_ms - self._world.start_ms) // every_ms:
            return
        self._shown_ms = now_ms
        self._draw(now_ms)

    def _draw(self, now_ms: int) -> None:
        step = (now_ms - self._world.start_ms) // self._step_ms
        if self._live is None:
            self._console.print(f"{self._head(now_ms)}   {self._line(step - 1)}", soft_wrap=True)
        else:
            self._live.update(Group(Text(self._head(now_ms)), self._table(step)), refresh=True)

    def _head(self, now_ms: int) -> str:
        return f"{utc(now_ms)} UTC  {self._requests:>7,} requests  {self._labels:>7,} labels"

    def _line(self, step: int) -> str:
        """The share of right answers in one step, as a line for a log."""
        parts = [
            f"{version} " + " ".join(f"{region} {self._share(version, region, step)}" for region in sorted(REGIONS))
            for version in self._versions()
        ]
        return f"correct in {self._step}: " + "   ".join(parts)

    def _versions(self) -> Iterator[str]:
        return (version for version in (BASELINE, CANDIDATE) if any(version == known for known, _ in self._counted))

    def _share(self, version: str, region: str, step: int) -> str:
        good, bad = self._counted[version, region][step] if step >= 0 else (0, 0)
        return f"{100 * good / (good + bad):5.1f} %" if good + bad else "    - "

    def _table(self, step: int) -> Table:
        """The share of right answers by version and region: a chart of the whole steps so far, and the last of them."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("correct, 50-100 %")
        for version in (BASELINE, CANDIDATE):
            table.add_column(version)
            table.add_column(self._step, justify="right")
        for region in sorted(REGIONS):
            cells = [f"region={region}"]
            for version in (BASELINE, CANDIDATE):
                cells += [self._chart(version, region, step), self._share(version, region, step - 1)]
            table.add_row(*cells)
        return table

    def _chart(self, version: str, region: str, step: int) -> str:
        blocks = ""
        for good, bad in self._counted[version, region][:step]:
            height = (good / (good + bad) - SHARE_MIN) / (1 - SHARE_MIN) if good + bad else 0.0
            blocks += BLOCKS[max(0, min(len(BLOCKS) - 1, int(height * len(BLOCKS))))] if good + bad else " "
        return blocks.ljust(STEPS)


def utc(ms: int) -> str:
    """Return the time of day of a simulated time.

    >>> utc(1_760_000_000_000)
    '08:53'
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M")
