"""Control events and pins as a person reads them."""

from collections.abc import Iterator, Mapping

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.control.sentence import sentence
from flows.plain import json_escaped, json_text, plain
from gateway.routing_state import RoutingState
from operators.release.proof import proof, slice_words
from operators.texts import clock
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS

WIDTH_MAX = 2_000  # Characters of a line: a table is cut only past this, whatever the terminal.
SLICES_MAX = 5  # The worst are shown; the JSON has all.


def print_event(console: Console, event: ControlEvent, note: str = "") -> None:
    """Print an event: one sentence, and below it why. `note` says what is done about the event."""
    console.print(
        Text(plain(headline(event) + (f"  ({note})" if note else "")), EVENT_KINDS[event.type].style), soft_wrap=True
    )
    for line in (*_reasons(event), *_names(event)):
        console.print(Text(f"    {plain(line)}"), soft_wrap=True)


def headline(event: ControlEvent) -> str:
    """Return an event in one line: when, which type, how urgent, and its sentence."""
    marks = [event.severity] + ["resolved"] * (event.state == "resolved") + ["update"] * event.update
    marks += ["silenced"] * event.silenced + ["acked"] * event.acked
    return f"{clock(event.ts)}  {event.type}  [{', '.join(marks)}]  {sentence(event)}"


def _reasons(event: ControlEvent) -> Iterator[str]:
    for affected in event.slices[:SLICES_MAX]:
        yield f"{slice_words(affected.slice)} {affected.verdict}  {proof(affected.evidence)}".rstrip()
    if (more := event.slices_more + max(0, len(event.slices) - SLICES_MAX)) > 0:
        yield f"and {more} further slices"
    for found in event.findings[:SLICES_MAX]:
        yield f"on it alone, {clock(found.since)}: {found.words}, in {slice_words(found.slice)} ({found.monitor})"
    for error in event.error_types:
        beside = "" if error.baseline is None else f", {error.baseline} of the baseline"
        yield f"failing with {error.name}: {error.n}{beside}"
    yield from event.moved
    for name, (before, after) in event.diff.items():
        yield f"{name}: {before} -> {after}"
    if event.diff_more:
        yield f"and {event.diff_more} further differences"


def _names(event: ControlEvent) -> Iterator[str]:
    """Return the names to search further by."""
    if event.requests:
        yield f"requests: {', '.join(event.requests)}"
    if event.runbook:
        yield f"runbook: {event.runbook}"
    pinned = "" if event.pin is None else f", pin {event.pin}"
    yield f"rule {event.rule}{pinned}, revision {event.revision}, event {event.id}"
    if event.incident:
        yield f"incident: {event.incident}"


def print_pins(console: Console, states: Mapping[str, RoutingState]) -> None:
    """Print a table of what holds for each model."""
    table = Table("model", "pin", "killed", "barred", "throttled", "weights", "since", "event", "revision")
    for model, each in sorted(states.items()):
        cells = (
            model,
            each.pin or "-",
            ", ".join(each.killed) or "-",
            ", ".join(each.barred) or "-",
            ", ".join(each.throttled) or "-",
            ", ".join(f"{version} {weight:g}" for version, weight in each.weights.items()) or "-",
            clock(each.ts),
            each.type,
        )
        table.add_row(*(Text(plain(cell)) for cell in (*cells, str(each.revision))))
    console.print(table)


def pins_json(states: Mapping[str, RoutingState]) -> str:
    """Return what holds for each model as one JSON object, by model."""
    return json_text(dict(sorted(states.items())))


def as_line(body: bytes) -> str:
    """Return JSON on one line, as it came, but with non-printable characters escaped."""
    return json_escaped((msgspec.json.format(body, indent=-1) if b"\n" in body else body).decode()) + "\n"
