"""What rollguard decided in the demo, from its control file: when, on what evidence, and about which slices."""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from flows.demo.serve import BASELINE, CANDIDATE, DEFECT_REGION
from flows.demo.world import World
from operators.wire.control import Affected, Arm, ControlEvent

WIDTH = 80  # Of a sentence, and of a table.


class Moment(NamedTuple):
    """A line of the timeline: when [Unix ms], in one word, in more words, and the start of the span that is shown."""

    ts: int
    word: str
    text: str
    since: int | None = None


def control_events(path: Path) -> list[ControlEvent]:
    """Return the control events of a file."""
    return [msgspec.json.decode(line, type=ControlEvent) for line in path.read_bytes().splitlines()]


def tell(events: Sequence[ControlEvent], world: World, console: Console, width: int) -> None:
    """Print the timeline, the evidence and the slices, or that nothing was decided."""
    rollback = next((event for event in events if event.type == "rollback"), None)
    if rollback is None:
        console.print(f"rollguard did not roll {CANDIDATE} back: the labels do not prove any harm.", soft_wrap=True)
        return
    console.print("What rollguard decided, and what the gateway made of it:\n", soft_wrap=True)
    last = [event for event in events if event.detected == rollback.detected][-1]
    for moment in sorted(_moments(events, last, world)):
        span = "" if moment.since is None else f"+{_span(moment.ts - moment.since)}"
        line = f"{clock(moment.ts)}  {moment.word:<9}  {moment.text:<50}  {span:>6}"
        console.print(line.rstrip(), style="bold" if moment.word == "rollback" else None, soft_wrap=True)
    if last.onset is not None and last.recovered is not None:
        took = _span(last.recovered - last.onset)
        console.print(f"\nFrom onset to recovered (MTTR) {took}, and nobody had to look.", soft_wrap=True)
    console.print("\nIn its own words:\n\n" + "\n".join(wrap(rollback.sentence, WIDTH)), soft_wrap=True, markup=False)
    console.print("\nWhy: wrong answers since the release, each slice as it was proved, worst first\n", soft_wrap=True)
    console.print(_evidence(rollback.slices), width=width, crop=False)
    confidence = rollback.evidence.confidence or 0.0
    console.print(
        f"\nWithout harm an E-value reaches {1 / (1 - confidence):.0f} in at most {100 * (1 - confidence):.1f} % of "
        "releases, however\noften one looks. All traffic (*) decides; a slice alone holds the promotion.",
        soft_wrap=True,
    )


def _moments(events: Sequence[ControlEvent], last: ControlEvent, world: World) -> Iterator[Moment]:
    """Yield the timeline's lines; `last` is the last event of the rollback, which has all of its times."""
    yield Moment(world.start_ms + world.release_ms, "release", f"{CANDIDATE} begins to serve")
    yield Moment(world.start_ms + world.defect_ms, "defect", f"begins in region={DEFECT_REGION}; nobody is told")
    found = next((event for event in events if event.findings and event.type == "alert"), None)
    if found is not None:
        first = found.findings[0]
        words = first.words.removesuffix(" as in the reference")  # A line has 80 characters.
        yield Moment(found.ts, "found", f"{words}, {first.slice}")
    held = next((event for event in events if event.type == "hold" and event.rule == "canary"), None)
    if held is not None:
        where = held.slices[0].slice if held.slices else "*"
        yield Moment(held.ts, "hold", f"{where} is worse: no promotion of {CANDIDATE}")
    if last.onset is not None:
        yield Moment(last.onset, "onset", "of the harm, as far as the labels can tell")
    if last.detected is not None:
        text = f"{CANDIDATE} is surely worse: all traffic to {last.pin or BASELINE}"
        yield Moment(last.detected, "rollback", text, last.onset)
    if last.applied is not None:
        yield Moment(last.applied, "applied", f"{CANDIDATE} gets no more requests", last.detected)
    if last.recovered is not None:
        yield Moment(last.recovered, "recovered", "the users are surely well again", last.applied)


def _evidence(slices: Sequence[Affected]) -> Table:
    rows = [_row(each) for each in slices]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # Wide numbers get narrower gaps.
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else 1
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    table.add_column("slice", no_wrap=True)
    for name in (f"{CANDIDATE}\nwrong", "", f"{BASELINE}\nwrong", "", "worse by\n(points)", "E-value"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, row in enumerate(rows):
        table.add_row(*row, style="bold red" if number == 0 else None)
    return table


def _row(each: Affected) -> tuple[str, ...]:
    evidence = each.evidence
    lower, upper = evidence.lower or 0.0, evidence.upper or 0.0
    points = f"{100 * lower:.1f} to {100 * upper:.1f}"
    return (
        each.slice,
        *_arm(evidence.candidate),
        *_arm(evidence.baseline),
        points,
        f"{_times(math.exp(evidence.log_e or 0.0)):>{len('E-value')}}",
    )


def _arm(arm: Arm | None) -> tuple[str, str]:
    if arm is None or arm.ratio is None:
        return "-", "-"
    return f"{arm.bad}/{arm.good + arm.bad}", f"{100 * (1 - arm.ratio):.1f}%"


def _times(value: float) -> str:
    return f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"  # Wider than its column.


def _span(ms: int) -> str:
    """Return a span as minutes and seconds.

    >>> _span(605_000)
    '10:05'
    """
    return f"{ms // 60_000}:{ms // 1000 % 60:02}"


def clock(ms: int) -> str:
    """Return the time of day of a simulated time, with its seconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")
