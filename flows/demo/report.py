"""What the demo prints at its start and end: what was decided, the hour by version and slice, how to ask further."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows import settings
from flows.demo.decided import control_events, tell
from flows.demo.questions import ask_further
from flows.demo.serve import CANDIDATE, DEFECT_FACTOR, DEFECT_FEATURE, DEFECT_REGION, PAGES_TRAINED
from flows.demo.traffic import Traffic
from flows.demo.view import utc
from flows.demo.world import World
from flows.replay import CONTROL
from flows.summary import Summary
from operators.connectors.clickhouse.query import ask

# The window of an hour that ends with the demo holds all of it; slices of two dimensions are left to a question.
HOUR = """
SELECT m.slice, m.version, m.n, a.ratio, m.p50, m.p95, c.good + c.bad, c.ratio, c.lower, c.upper
FROM measure_window_latest AS m
JOIN sli_window_latest AS a USING (model, version, slice, kind, size_ms, window_start, window_end)
JOIN sli_window_latest AS c USING (model, version, slice, kind, size_ms, window_start, window_end)
WHERE m.measure = 'latency_ms' AND a.sli = 'availability' AND c.sli = 'correct'
  AND m.kind = 'sliding' AND m.size_ms = 3600000 AND length(m.dims) < 2
  AND m.window_end = fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
ORDER BY m.slice, m.version
"""
DEFECT = f"{CANDIDATE} gets {DEFECT_FEATURE} as 0-{DEFECT_FACTOR:g}, not 0-1, in region={DEFECT_REGION}"
WIDTH = 80  # The table needs it; a narrower terminal wraps its lines rather than losing columns.


def introduce(world: World, data: Path, console: Console) -> None:
    """Say what will be seen."""
    released = utc(world.start_ms + world.release_ms)
    _say(
        console,
        "A real classifier of phishing pages is served for a simulated hour, live, and watched.",
        f"  data set   river's Phishing; a logistic regression learns {PAGES_TRAINED} pages, the rest is asked",
        f"  traffic    {world.requests:,} requests from {utc(world.start_ms)} to {utc(world.end_ms)} UTC",
        f"  release    from {released} on, version {CANDIDATE} answers {100 * world.candidate_share:g} % of them",
        f"  defect     from {utc(world.start_ms + world.defect_ms)} on {DEFECT}",
        f"  gateway    follows {data / CONTROL} and does what it says",
        "",
    )


def _say(console: Console, *lines: str) -> None:
    # Soft wrap: the lines are short enough by themselves, and a file gets no padding.
    console.print("\n".join(lines), soft_wrap=True, markup=False)


def conclude(summary: Summary, traffic: Traffic, data: Path, console: Console) -> None:
    """Say what came of it, from the store, and what to ask next."""
    _say(
        console,
        "",
        f"{summary.events:,} requests and {summary.feedback:,} labels in {summary.seconds:.0f} s;"
        f" {traffic.labels_outstanding:,} labels had not come when the hour ended.",
        f"{summary.rejects.total()} messages were cut off by their producer, on purpose, and refused:"
        f" {data / 'deadletter.ndjson'}",
        "",
    )
    tell(control_events(data / CONTROL), traffic.world, console, max(console.width, WIDTH))
    _say(console, "", "The hour by slice and version, as the store has it:", "")
    _, rows = ask(settings.embedded(data), HOUR, {"end_ms": str(traffic.world.end_ms)})
    console.print(_table(rows), width=max(console.width, WIDTH), crop=False)
    _say(
        console,
        "",
        "< the whole interval lies below that of v1",
        "",
        "Both versions run the same code: neither errors nor latency tell them apart. The labels do:",
        f"from {utc(traffic.world.start_ms + traffic.world.defect_ms)} on {DEFECT}.",
        "All traffic and both segments are lower too: a quarter of their requests are from there.",
        "",
        "Look further:",
    )
    ask_further(data, console)


def _table(rows: Sequence[Sequence[Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("slice", no_wrap=True)
    for name in ("", "requests", "no\nerror", "p50\nms", "p95\nms", "labels", "correct"):
        table.add_column(name, justify="right")
    table.add_column("95 %\ninterval", no_wrap=True)
    lowest = 1.0  # The lower end of v1's interval in the same slice.
    for text, version, n, available, p50, p95, labels, ratio, lower, upper in rows:
        second = version == CANDIDATE
        apart = second and upper < lowest
        lowest = lower
        table.add_row(
            "" if second else text,
            version,
            f"{n:,}",
            f"{100 * available:.4g} %",
            f"{p50:.4f}",
            f"{p95:.4f}",
            f"{labels:,}",
            f"{100 * ratio:.1f} %",
            f"{100 * lower:.1f}-{100 * upper:.1f}" + " <" * apart,
            style="bold red" if apart else None,
        )
    return table
