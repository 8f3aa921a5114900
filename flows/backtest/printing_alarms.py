"""False alarms of monitors and rules as tables."""

import math
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table

from flows.backtest.false_alarms import CHANCE, FalseAlarms, MonitorAlarms, RuleAlarms, Suggestion
from flows.backtest.printing import minute
from flows.check_rules import named_table
from flows.plain import plain

SILENT_MIN = 0.1  # Share of windows: if fewer have too few events, that is not mentioned.


def print_alarms(found: FalseAlarms, console: Console) -> None:
    """Print how often each monitor and rule alarmed, and which limits would have kept the promise."""
    console.print(
        f"{found.items} events and feedback, {found.refused} refused; "
        f"{minute(found.start)} to {minute(found.end)} UTC, {found.weeks:.3g} weeks",
        soft_wrap=True,
    )
    console.print("Each alarm counts as false: take a time in which all was well.", soft_wrap=True)
    if found.weeks < 1:
        console.print("It is less than a week: what comes once in one, such as a weekend, may not be in it.")
    if found.monitors:
        console.print(_monitors(found))
        for line in _suggestions(found):
            console.print(line, soft_wrap=True)
    if found.rules:
        console.print(_rules(found))


def _monitors(found: FalseAlarms) -> Table:
    table = named_table("monitor", "series", "alarms", "a week", "promised", "a week and series", "promised", "limits")
    for each in found.monitors:
        table.add_row(
            f"{_name(each)}\n{each.kind}",
            str(each.series),
            f"{each.alarms}{' (!)' if each.more else ''}",
            f"{each.a_week:.2g}",
            f"{each.a_week_promised:.2g}",
            _number(each.a_week_and_series),
            _number(each.a_week_and_series_promised),
            _limits(each.limits),
        )
    return table


def _suggestions(found: FalseAlarms) -> Iterator[str]:
    noisy = [each for each in found.monitors if each.more]
    if found.monitors and not noisy:
        yield "No monitor alarms surely more often than promised."
    for each in found.monitors:
        if each.insufficient > SILENT_MIN * each.heard:
            yield (
                f"{_name(each)} had too few events to say anything in {each.insufficient:,} of {each.heard:,} windows "
                "of its series, in which it cannot alarm: longer windows have more."
            )
    short = [each for each in found.monitors if each.a_week_promised and found.weeks < _quiet_weeks(each)]
    if short:
        longest = max(map(_quiet_weeks, short))
        yield (
            f"That a promise is kept these files are too short to show of {', '.join(map(_name, short))}: it takes up "
            f"to {longest:,.0f} weeks."
        )
    yield from map(_milder, noisy)


def _milder(each: MonitorAlarms) -> str:
    """Return which limits would have kept a noisy monitor to its promise."""
    suggestion = each.suggestion
    if suggestion is None or not suggestion.tried:
        return f"{_name(each)} alarms surely more often than promised; it has no limit to set."
    if suggestion.limits:
        return (
            f"{_name(each)} alarms surely more often than promised: {_limits(suggestion.limits)} "
            f"would have kept to it ({suggestion.a_week:.2g} a week){_unsure(each, suggestion)}."
        )
    return (
        f"{_name(each)} alarms surely more often than promised, and with {_limits(suggestion.tried)} still "
        f"{suggestion.a_week:.2g} times a week: what it watches changes by itself."
    )


def _unsure(each: MonitorAlarms, suggestion: Suggestion) -> str:
    """Return what the files are too short to show."""
    if suggestion.a_week_most <= each.a_week_promised:
        return ""
    needed = f"; {_quiet_weeks(each):,.0f} weeks without an alarm would show it" if each.a_week_promised else ""
    return f", but it may be {suggestion.a_week_most:.2g} a week in other times: the files are too short{needed}"


def _quiet_weeks(each: MonitorAlarms) -> float:
    """Return how many weeks without an alarm show that the promise holds: by chance 5 % of such times have none."""
    return -math.log(CHANCE) / each.a_week_promised


def _rules(found: FalseAlarms) -> Table:
    table = named_table("rule", "incidents", "a week", "pages", "pages a week")
    for each in found.rules:
        numbers = (each.incidents, each.a_week, each.pages, each.pages_a_week)
        table.add_row(_name(each), *(f"{number:.3g}" for number in numbers))
    return table


def _name(each: MonitorAlarms | RuleAlarms) -> str:
    name = each.monitor if isinstance(each, MonitorAlarms) else each.rule
    return plain(f"{each.team}: {name}" if each.team else name)


def _limits(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{key} = {value:g}" for key, value in limits.items())


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
