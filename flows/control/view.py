"""Control events and pins as a person reads them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.plain import json_escaped, plain
from gateway.standing import Standing
from operators.control import Affected, Arm, ControlEvent, Evidence

STYLES = {
    "alert": "yellow",
    "hold": "yellow",
    "throttle": "yellow",
    "rollback": "bold red",
    "rollback_ineffective": "bold red",
    "kill": "bold red",
    "rollback_applied": "green",
    "recovered": "green",
    "promote": "green",
}
WIDTH_MAX = 2_000  # Characters of a line: a table is cut only past this, whatever the terminal.
SLICES_MAX = 5  # The worst; the JSON has all.
# What stands in words of its own; the rest of the evidence follows by its names.
WORDED = {"sli", "measure", "good", "bad", "candidate", "baseline", "value", "lower", "upper", "confidence", "reason"}
TIMES = {"since", "watermark"}


def print_event(console: Console, event: ControlEvent, note: str = "") -> None:
    """Print what an event says: one line, and below it why. `note` says what is done about it."""
    console.print(
        Text(plain(headline(event) + (f"  ({note})" if note else "")), STYLES.get(event.type, "")), soft_wrap=True
    )
    for line in _reasons(event):
        console.print(Text(f"    {plain(line)}"), soft_wrap=True)


def headline(event: ControlEvent) -> str:
    """Return an event in one line."""
    pinned = "" if event.pin is None else f" -> pin {event.pin}"
    marks = [event.rule, event.severity, f"revision {event.revision}"]
    marks += ["resolved"] * (event.state == "resolved") + ["silenced"] * event.silenced + ["acked"] * event.acked
    said = f"{clock(event.ts)}  {event.type}  {event.model} {event.version}{pinned}  [{', '.join(marks)}]"
    return f"{said}  {event.reason}".rstrip()


def _reasons(event: ControlEvent) -> Iterator[str]:
    if words := evidence_words(event.evidence):
        yield words
    for affected in event.slices[:SLICES_MAX]:
        yield _slice_words(affected)
    if (more := event.slices_more + max(0, len(event.slices) - SLICES_MAX)) > 0:
        yield f"and {more} further slices"
    for name, (before, after) in event.diff.items():
        yield f"{name}: {before} -> {after}"
    if event.diff_more:
        yield f"and {event.diff_more} further differences"
    if event.runbook:
        yield f"runbook: {event.runbook}"
    yield f"event: {event.id}"


def _slice_words(affected: Affected) -> str:
    return f"{affected.slice} {affected.verdict}  {evidence_words(affected.evidence)}".rstrip()


def evidence_words(evidence: Evidence) -> str:
    """Return what evidence there is, in one line.

    >>> evidence_words(Evidence(sli="availability", good=90, bad=10, value=0.9, lower=0.8, upper=0.95, threshold=0.99))
    'availability, 10 of 100 bad, 0.9 [0.8, 0.95], threshold 0.99'
    """
    words = [name for name in (evidence.sli, evidence.measure) if name]
    words += [_arm(name, arm) for name in ("candidate", "baseline") if (arm := getattr(evidence, name)) is not None]
    if evidence.good is not None and evidence.bad is not None:
        words.append(f"{evidence.bad} of {evidence.good + evidence.bad} bad")
    if evidence.value is not None:
        bounds = f" [{_short(evidence.lower)}, {_short(evidence.upper)}]" if evidence.lower is not None else ""
        sure = "" if evidence.confidence is None else f" at {evidence.confidence:.4g}"
        words.append(f"{_short(evidence.value)}{bounds}{sure}")
    for name in Evidence.__struct_fields__:
        value = getattr(evidence, name)
        if name not in WORDED and value is not None:
            words.append(f"{name} {clock(value) if name in TIMES else _short(value)}")
    return ", ".join([*words, *([evidence.reason] if evidence.reason else [])])


def _arm(name: str, arm: Arm) -> str:
    return f"{name} {arm.version} {arm.bad} of {arm.good + arm.bad} bad"


def _short(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.4g}"


def clock(ms: int) -> str:
    """Return a time; its number if it is beyond what a calendar has.

    >>> clock(1_763_700_000_000)
    '2025-11-21 04:40:00Z'
    """
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def print_pins(console: Console, standings: Mapping[str, Standing]) -> None:
    """Print a table of what holds for each model."""
    table = Table("model", "pin", "killed", "barred", "throttled", "weights", "since", "event", "revision")
    for model, each in sorted(standings.items()):
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


def pins_json(standings: Mapping[str, Standing]) -> str:
    """Return what holds for each model as one JSON object, by model."""
    text = msgspec.json.format(msgspec.json.encode(dict(sorted(standings.items()))), indent=2).decode()
    return json_escaped(text) + "\n"


def as_line(body: bytes) -> str:
    """Return JSON on one line, as it came but for characters that are not printable: those are escaped."""
    return json_escaped((msgspec.json.format(body, indent=-1) if b"\n" in body else body).decode()) + "\n"
