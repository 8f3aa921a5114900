"""`rollguard status`: what the first page shows, as text for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from flows.page.asked import Asked
from flows.page.store import Store
from flows.page.views.overview import overview
from flows.page.words import clock, count, stamp
from flows.plain import plain

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 30  # Of a sparkline: the last half hour, in minutes.
EVENTS = 8


def print_status(store: Store, asked: Asked, console: Console) -> None:
    """Print what is decided, and on what evidence. NoAnswer."""
    shown = overview(store, asked)
    if shown["counted"] is None:
        console.print("nothing is counted yet")
        return
    console.print(plain(shown["banner"]["title"]), style="bold", soft_wrap=True)
    console.print(f"{shown['banner']['note']} · counted up to {stamp(shown['counted']['counted'])} UTC", soft_wrap=True)
    console.print()
    for each in shown["urgent"]:
        console.print("\n".join(_urgent(each)), soft_wrap=True)
    for model in shown["models"]:
        console.print("\n".join(_model(model)), soft_wrap=True)
    console.print()
    for alert in shown["alerts"]:
        names = (alert["model"], alert["version"], alert["rule"], alert["worst"])
        what = plain(f"{alert['severity']}: {' '.join(filter(None, names))}")
        console.print(f"{what}, for {alert['age']}, {_cared_for(alert)}", soft_wrap=True)
    for event in shown["events"][:EVENTS]:
        text = plain(f"{event['model']} {event['version']} {event['word']} {event['state']} by {event['rule']}")
        console.print(f"{clock(event['at'])}  {text}  {plain(event['worst'])}", soft_wrap=True)


def sparkline(values: Sequence[float], low: float, high: float) -> str:
    """Return values as blocks between two bounds, the newest last.

    >>> sparkline([0.0, 0.5, 1.0], 0.0, 1.0)
    '▁▅█'
    >>> sparkline([1.0, 1.0], 1.0, 1.0), sparkline([], 0.0, 1.0)
    ('██', '')
    """
    if high <= low:
        return BLOCKS[-1] * len(values)
    return "".join(BLOCKS[round((value - low) / (high - low) * (len(BLOCKS) - 1))] for value in values)


def _urgent(each: dict[str, Any]) -> list[str]:
    """Return a decision as lines: why, how sure, where, since when, and what to do."""
    lines = [plain(each["title"]), *(f"  {fact['name']}: {plain(fact['words'])}" for fact in each["facts"])]
    return [*lines, f"  What to do: {each['to_do']} {plain(each['runbook'])}".rstrip(), ""]


def _cared_for(alert: dict[str, Any]) -> str:
    """Return who looks after an alert; without anybody, the event id that `rollguard control ack` needs."""
    muted = "silenced, " if alert["is_silenced"] else ""
    return muted + (plain(alert["acked_by"]) or f"nobody looks after it yet (event {plain(alert['event'])})")


def _verdicts(share: dict[str, Any]) -> str:
    """Return how many series of a serving version are surely bad, surely good, and undecided."""
    of = share["verdicts"]
    kinds = (("bad", "surely bad"), ("good", "surely good"), ("undecided", "not decided"))
    return ", ".join(f"{count(of[name])} {words}" for name, words in kinds if of[name])


def _model(model: dict[str, Any]) -> list[str]:
    """Return a model as lines: where its release stands, then each SLI by version, with its last half hour."""
    shares = ", ".join(plain(f"{share['version']} {share['text']}") for share in model["shares"][:4])
    state = model["state"].word + (f" for {model['since']}" if model["since"] else "")
    held = f" by {', '.join(map(plain, model['holds']))}" if model["holds"] else ""
    head = f"{plain(model['model'])}  {plain(model['version'] or '')} {state}{held}".rstrip()
    lines = [f"{head}  {model['per_second']:.1f} requests/s  {shares}"]
    lines += [
        f"  {plain(share['version'])}: {_verdicts(share)}"
        for share in model["shares"][:4]
        if share["verdicts"] is not None
    ]
    for name, shown in model["slis"].items():
        values = [value for line in shown["lines"] for _, value in line.points]
        low, high = min(values), max(values)
        for line, last in zip(shown["lines"], shown["last"], strict=True):
            chart = sparkline([value for _, value in line.points][-WIDTH:], low, high)
            lines.append(f"  {plain(name):<14} {plain(last['version']):<12} {last['text']:>8}  {chart}")
    return lines
