"""The rules of a policy in words, each with the smallest harm that it can detect."""

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from flows.plain import plain
from operators.policy.fields import table_of
from operators.policy.policy import Policy
from operators.policy.rules import Grain, ReleaseRule, Rule
from operators.rules.registry import rule_kind_of
from operators.window.series_index import slice_text


def rules_table(policy: Policy) -> Table:
    """Return a row for each rule: when it is BAD, what it can detect, what it leads to."""
    table = named_table("rule", "judges", "BAD when", "can see", "then")
    for rule in policy.rules:
        bad, seen = plain(when(rule)), "\n".join(detects(rule))
        table.add_row(rule.name, _watched(rule, policy), bad, seen, _then(rule, policy))
    return table


def named_table(name: str, *others: str) -> Table:
    """Return an empty table whose first column holds names, which are never cut, whatever the terminal's width."""
    table = PlainTable(box=None, padding=(0, 2, 1, 0), header_style="bold")
    table.add_column(name, no_wrap=True)
    for other in others:
        table.add_column(other, overflow="fold")
    return table


class PlainTable(Table):
    """A table of a policy's contents, whose names may hold anything, such as terminal escape sequences."""

    def add_row(self, *cells: Any, style: Any = None, end_section: bool = False) -> None:
        """Add a row of cells, each of one line or more."""
        harmless = ("\n".join(map(plain, each.split("\n"))) if isinstance(each, str) else each for each in cells)
        super().add_row(*harmless, style=style, end_section=end_section)


def when(rule: Rule) -> str:
    """Say what makes a rule BAD."""
    return rule_kind_of(rule).when(rule)


def detects(rule: Rule) -> Iterator[str]:
    """Yield, line by line, the smallest harm that a rule can detect."""
    return rule_kind_of(rule).detects(rule)


def _watched(rule: Rule, policy: Policy) -> str:
    whose = "all versions" if rule.scope == "model" else "each version"
    limited = [tuple(policy.dimensions.index(name) for name, _ in each) for each in rule.named]
    slices = [_slice(grain, policy) for grain in rule.grains if grain not in limited]
    slices += [plain(slice_text(each)) for each in rule.named]  # A line break in a name begins no new slice.
    return "\n".join([whose, *slices, *rule_kind_of(rule).looks_at(rule, policy)])


def _slice(grain: Grain, policy: Policy) -> str:
    return ",".join(policy.dimensions[index] for index in grain) or "*"


def _then(rule: Rule, policy: Policy) -> str:
    # A rule without a severity of its own has one with each verdict.
    severity = f" ({rule.severity})" if "severity" in table_of(type(rule)).__struct_fields__ else ""
    lines = [f"{rule.action}{severity}"]
    actions = {rule.action}
    if isinstance(rule, ReleaseRule):
        actions.add(rule.slice_action)
        lines += [f"{rule.slice_action} in a slice"] if len(rule.grains) > 1 else []
        lines.append(f"{rule.cutover_action} at a cut-over beyond x{rule.cutover_tolerance:.6g}")
    if "rollback" in actions:
        lines += _goes(rule, policy)
    elif rule.action == "throttle":
        lines.append(f"to {100 * policy.releases.throttle_share:.3g} % of the traffic; hold if no other version serves")
    return "\n".join(lines)


def _goes(rule: Rule, policy: Policy) -> Iterator[str]:
    """Say where the traffic of a version goes when a rule rolls it back."""
    yield "to its baseline" if isinstance(rule, ReleaseRule) else "to its baseline, or what surely does better"
    models = {} if rule.fallback != "hold" else policy.releases.fallback
    for word, of in [*((named, f" ({pattern})") for pattern, named in models.items()), (rule.fallback, "")]:
        yield f"else {word if word in ('hold', 'kill') else f'to {word}'}{of}"
