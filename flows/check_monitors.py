"""The monitors of a policy in words, each with the false alarms that it costs while nothing changes."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from flows.check_rules import named_table
from operators.drift.registry import false_alarms_of, monitor_kind_of
from operators.policy.monitors import Monitor, axis_of
from operators.policy.policy import Policy
from operators.policy.rules import Grain, ListeningRule

SERIES = (1, 50)  # The numbers of a model's series (versions and slices) for which false alarms are printed.
A_DAY = 7.0  # False alarms a week that people soon ignore.
NAMES_MAX = 4  # Fields that are named; the rest are only counted.


def monitors_table(policy: Policy) -> Table:
    """Return a row for each monitor, and one for all: what it watches, when it alarms, and how often falsely."""
    costs = [f"a week, {series} series" for series in SERIES]
    table = named_table("monitor", "watches", "drift when", *costs)
    for monitor in policy.monitors:
        costs = [f"{false_alarms_of(monitor, policy.pane_ms, series):.2g}" for series in SERIES]
        table.add_row(f"{monitor.name}\n{monitor.kind}", "\n".join(_watches(monitor, policy)), when(monitor), *costs)
    sums = [sum(false_alarms_of(monitor, policy.pane_ms, series) for monitor in policy.monitors) for series in SERIES]
    table.add_row("all", "", "false alarms of a model", *(f"{each:.2g}" for each in sums))
    return table


def noisy_monitors(policy: Policy) -> list[str]:
    """Return the monitors with more than one false alarm a day, where there are many series."""
    return [monitor.name for monitor in policy.monitors if false_alarms_of(monitor, policy.pane_ms, SERIES[-1]) > A_DAY]


def unheard(policy: Policy) -> list[str]:
    """Return the monitors that no rule listens to: their findings are stored, and nobody is told."""
    lines = []
    for monitor in policy.monitors:
        heard = {
            grain
            for rule in policy.rules
            if isinstance(rule, ListeningRule) and monitor.name in rule.monitors
            for grain in rule.grains
        }
        silent = [_slice(grain, policy.dimensions) for grain in monitor.grains if grain not in heard]
        if silent:
            lines.append(f"what {monitor.name} finds in {'; '.join(silent)}")
    return lines


def when(monitor: Monitor) -> str:
    """Say what a monitor calls drift."""
    return monitor_kind_of(monitor).when(monitor)


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
        yield _slice(grain, dimensions)


def _slice(grain: Grain, dimensions: Sequence[str]) -> str:
    return ",".join(dimensions[index] for index in grain) or "*"
