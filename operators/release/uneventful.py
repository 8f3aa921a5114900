"""Models for which a pane changes nothing but counts, and writes nothing: nearly all.

For these the work of `controller.py` with every pane is left out, except for the counts of their traffic and of their
releases (`under_way.py`). Each condition here stands for something that the controller could do without a command or a
verdict; one that is too strict costs time, a missing one is an error that `tests/laws/test_uneventful.py` looks for, by
doing all the work for all models.
"""

from collections.abc import Sequence

from operators.policy.policy import Policy
from operators.release.alert_events import RESTS_MS, is_input
from operators.release.discovery import may_begin
from operators.release.incidents import alerted
from operators.release.model import CanaryFinding, Model
from operators.release.pane_traffic import PaneTraffic
from operators.release.serving import acts
from operators.release.under_way import UnderWay
from operators.rules.verdict import Verdict
from operators.wire.control import Word

# These are no news on a series that was not BAD.
SAY_NOTHING: tuple[Word, ...] = ("OK", "INSUFFICIENT")


class Uneventful:
    """Tells for which models a pane is uneventful, under one policy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._rules = {rule.name for rule in policy.rules}
        self._acting = {rule.name for rule in policy.rules if acts(rule)}
        self._rests_panes = RESTS_MS / policy.pane_ms
        self._under_way = UnderWay(policy)

    def before_rules(self, model: Model, traffic: PaneTraffic) -> bool:
        """Tell whether `begin_pane` would only count, for a model without a command, and with nothing beyond a limit.

        Then no release is under way that may fall silent or be dropped, none begins because a version is new, and no
        alert waits for names to fall below a limit again.
        """
        if model.overflow or may_begin(model, traffic.pane, self._policy):
            return False
        return not model.releases or self._under_way.before_rules(model, traffic)

    def after_rules(
        self, model: Model, traffic: PaneTraffic, verdicts: Sequence[Verdict], findings: Sequence[CanaryFinding]
    ) -> bool:
        """Tell whether `end_pane` would only count, with the `verdicts` that changed and the `findings` of canaries.

        Then none of these begins or ends anything: a series that was not BAD has become OK, or has too few events to
        tell. Every release goes on as it is, and so does every alert: its rule is one of the policy, looks at what the
        alert is about, and acts on no version by itself; it was not muted; its version has served lately, or never. No
        alert was resolved because its version rests, and an alert keeps every incident open: without one, that of a
        hold or of a withdrawal may be over.
        """
        alerts = model.alerts
        if verdicts and any(each.word not in SAY_NOTHING or _stands(model, each) for each in verdicts):
            return False
        if alerts.rested or not all(alerted(model, key) for key in model.incidents):
            return False
        if model.bad and any(rule in self._acting for rule, _ in model.bad):
            return False
        for key, firing in alerts.firing.items():
            served = model.served.get(key[1])
            rests = served is not None and traffic.pane - served.last >= self._rests_panes
            if rests or firing.silenced or firing.is_over or not (key[0] in self._rules or is_input(key)):
                return False
        return not model.releases or self._under_way.after_rules(model, traffic, findings)

    def count_before(self, model: Model, traffic: PaneTraffic) -> None:
        """Do what `begin_pane` would for a model that is uneventful before rules."""
        if model.releases:
            self._under_way.count_before(model, traffic)

    def count_after(self, model: Model, traffic: PaneTraffic) -> None:
        """Do what `end_pane` would for a model that is uneventful after rules."""
        if model.releases:
            self._under_way.count_after(model, traffic)


def _stands(model: Model, verdict: Verdict) -> bool:
    """Tell whether the verdict's rule is BAD on any slice of its version, or an alert of the two fires."""
    key = verdict.rule, verdict.series.version
    return key in model.bad or key in model.alerts.firing
