"""The monitors of a policy in words, each with the false alarms that it costs while nothing changes."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from flows.check_rules import named_table
from operators.drift.false_alarms import of_monitor
from operators.policy.monitors import Adwin, AnyMonitor, Contract, Monitor, PageHinkley, Psi, Sigma, axis_of
from operators.policy.policy import Policy
from operators.policy.reading import span

SERIES = (1, 50)  # Versions and slices of a model, for which false alarms are said.
A_DAY = 7.0  # False alarms a week that nobody looks at for long.
NAMES_MAX = 4  # Of fields; the rest are only counted.
AGAINST = {"profile": "the profile", "last_week": "the same window a week before", "baseline": "the baseline"}


def monitors_table(policy: Policy) -> Table:
    """Return a row for each monitor, and one for all: what it watches, when it alarms, how often wrongly."""
    costs = [f"a week, {series} series" for series in SERIES]
    table = named_table("monitor", "watches", "drift when", *costs)
    for monitor in policy.monitors:
        costs = [f"{of_monitor(monitor, policy.pane_ms, series):.2g}" for series in SERIES]
        table.add_row(f"{monitor.name}\n{monitor.kind}", "\n".join(_watches(monitor, policy)), when(monitor), *costs)
    sums = [sum(of_monitor(monitor, policy.pane_ms, series) for monitor in policy.monitors) for series in SERIES]
    table.add_row("all", "", "false alarms of a model", *(f"{each:.2g}" for each in sums))
    return table


def noisy_monitors(policy: Policy) -> list[str]:
    """Return the monitors that alarm in vain more than once a day, where there are many series."""
    return [monitor.name for monitor in policy.monitors if of_monitor(monitor, policy.pane_ms, SERIES[-1]) > A_DAY]


def when(monitor: AnyMonitor) -> str:
    """Say what a monitor calls drift."""
    match monitor:
        case Psi():
            against = AGAINST[monitor.reference]
            beyond = f"PSI over {span(monitor.window_ms)} against {against} is above {monitor.psi_min:g}, not by chance"
            return f"{beyond} ({monitor.alpha:g} a window, all fields and slices)"
        case Sigma():
            against = AGAINST[monitor.reference]
            return f"the mean over {span(monitor.window_ms)} is {monitor.sigmas:g} standard errors below {against}"
        case Contract():
            return f"values over {span(monitor.window_ms)} break {', '.join(_limits(monitor))}"
        case Adwin():
            return f"the mean of panes has changed, by ADWIN (delta {monitor.delta:.3g})"
        case PageHinkley():
            return f"the mean of panes has moved by more than {monitor.allowance:g} deviations, by Page-Hinkley"


def _limits(contract: Contract) -> Iterator[str]:
    yield f"the contract of the profile by {contract.sigmas:g} sigma"
    for name, limit in (("low", contract.low), ("high", contract.high), ("missing", contract.missing_share_max)):
        if limit is not None:
            yield f"{name} {limit:g}"
    if contract.categories is not None:
        yield f"categories {' '.join(contract.categories)}"


def _watches(monitor: Monitor, policy: Policy) -> Iterator[str]:
    for name in monitor.on[:NAMES_MAX]:
        yield f"{name} ({_axis(name, policy)})"
    if len(monitor.on) > NAMES_MAX:
        yield f"and {len(monitor.on) - NAMES_MAX} more"
    whose = "each model" if monitor.model is None else monitor.model
    yield f"of {whose} in {'; '.join(_slices(monitor, policy.dimensions))}"
    if monitor.profile:
        yield f"profile {monitor.profile}"


def _axis(name: str, policy: Policy) -> str:
    slis = {f"sli.{sli.name}": sli.on_feedback for sli in policy.slis}
    return axis_of(name, on_feedback=slis.get(name, False))


def _slices(monitor: Monitor, dimensions: Sequence[str]) -> Iterator[str]:
    for grain in monitor.grains:
        yield ",".join(dimensions[index] for index in grain) or "*"
