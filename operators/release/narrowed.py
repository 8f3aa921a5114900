"""Alerts of a rule that has changed: for slices at which the rule no longer looks, nothing would ever end them."""

from collections.abc import Collection

from operators.policy.policy import Policy
from operators.policy.rules import ListeningRule, ReleaseRule, Rule
from operators.policy.slices import named_values
from operators.release.alerts import Alerts
from operators.window.series_index import ALL_VERSIONS
from operators.wire.control import Affected


def narrow(alerts: Alerts, policy: Policy, changed: Collection[str]) -> None:
    """Drop from alerts the slices, SLIs and versions at which the `changed` rules no longer look.

    An alert with nothing left is resolved with the next pane (`alert_events.py`). Alerts of rules that compare releases
    end with the releases.
    """
    rules = {rule.name: rule for rule in policy.rules if rule.name in changed and not isinstance(rule, ReleaseRule)}
    for (name, version), firing in alerts.firing.items():
        rule = rules.get(name)
        if rule is None:
            continue
        left = [where for where, each in firing.slices.items() if _looks_at(rule, policy, version, each)]
        firing.severities = {where: firing.severities[where] for where in left if where in firing.severities}
        if left:
            firing.slices = {where: firing.slices[where] for where in left}
            firing.new = tuple(where for where in firing.new if where in firing.slices)


def _looks_at(rule: Rule, policy: Policy, version: str, affected: Affected) -> bool:
    sli, values = affected.evidence.sli, named_values(affected.slice) or ()
    slices = rule.slices(policy.dimensions)
    if frozenset(name for name, _ in values) not in slices and frozenset(values) not in slices:
        return False
    if isinstance(rule, ListeningRule):
        return True
    together = version == ALL_VERSIONS
    return together == (rule.scope == "model") and (sli is None or sli in rule.sli_names)
