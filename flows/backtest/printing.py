"""A comparison of two policies as a table."""

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from flows.backtest.comparing import OUTCOMES, Comparison, Outcome, PolicyOutcome
from flows.plain import plain
from operators.spans import DAY_MS


def print_comparison(found: Comparison, console: Console) -> None:
    """Print what both policies said, type by type and then version by version."""
    days = (found.end - found.start) / DAY_MS
    console.print(
        f"{found.items} events and feedback, {found.refused} refused; "
        f"{minute(found.start)} to {minute(found.end)} UTC, {days:.2g} days",
        soft_wrap=True,
    )
    console.print(_counts(found.old, found.new))
    if found.old.outcomes or found.new.outcomes:
        console.print(_versions(found.old, found.new))
    for note in found.notes:
        console.print(plain(note), soft_wrap=True)


def _counts(old: PolicyOutcome, new: PolicyOutcome) -> Table:
    table = _table("", "now", "new")
    table.add_row("policy", old.policy, new.policy)
    for kind in dict.fromkeys([*OUTCOMES, "alert", *old.counts, *new.counts]):
        table.add_row(kind, str(old.counts.get(kind, 0)), str(new.counts.get(kind, 0)))
        for rule in sorted({**old.rules, **new.rules}) if kind == "alert" else ():
            by_rule = [each.rules.get(rule, {}).get(kind, 0) for each in (old, new)]
            if any(by_rule):
                table.add_row(f"  by {plain(rule)}", *map(str, by_rule))
    table.add_row("pages", str(old.pages), str(new.pages))
    table.add_row("pages a week", _number(old.pages_per_week), _number(new.pages_per_week))
    table.add_row("onset to proof", _span(old.detect_s), _span(new.detect_s))
    return table


def _versions(old: PolicyOutcome, new: PolicyOutcome) -> Table:
    table = _table("model", "version", "now", "new")
    known = {(model, version) for each in (old, new) for model, some in each.outcomes.items() for version in some}
    for model, version in sorted(known):
        words = [_outcomes(each.outcomes.get(model, {}).get(version, [])) for each in (old, new)]
        table.add_row(plain(model), plain(version), *words)
    return table


def _outcomes(some: list[Outcome]) -> str:
    return "\n".join(f"{each.type} {minute(each.at)} by {plain(each.rule)}{_after(each)}" for each in some) or "nothing"


def _after(each: Outcome) -> str:
    return "" if each.detect_s is None else f", {_span(each.detect_s)} after its onset"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def minute(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name)
    return table
