"""Releases under way for which a pane changes nothing but counts, and writes nothing.

These are most releases in most panes: the candidate serves, nothing is found, nothing holds. For each part of such a
release the conditions here say when `begin_pane` and `end_pane` would leave it as it is. One that is too strict costs
time; a missing one is found by `tests/laws/test_uneventful.py`.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from operators.policy.policy import Policy
from operators.policy.rules import ReleaseRule
from operators.release.alerts import Key
from operators.release.cutover import EXPECTED_MIN, compares_with_past, event_slis, panes_of
from operators.release.model import CanaryFinding, Model
from operators.release.pane_traffic import PaneTraffic
from operators.release.phase_states import Overridden, Promoted, Recovered, RollingOut
from operators.release.state import ReleaseState
from operators.release.traffic import RECENT, share_since
from operators.wire.mirrored import is_mirrored


class _Blips(NamedTuple):
    """The blips of a rule, in panes; `slis` are the numbers of the SLIs that are compared with the past."""

    rule: str
    panes: int
    slis: tuple[int, ...]


class UnderWay:
    """Tells which releases a pane leaves as they are, under one policy, and adds its counts to these."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        rules = [rule for rule in policy.rules if isinstance(rule, ReleaseRule)]
        self._actions = {rule.name: rule.action for rule in policy.rules if not isinstance(rule, ReleaseRule)}
        self._blips = [_Blips(rule.name, panes_of(rule, policy), event_slis(rule, policy)) for rule in rules]

    def before_rules(self, model: Model, traffic: PaneTraffic) -> bool:
        """Tell whether `begin_pane` would only count: no version is waited for, no producer told apart, none silent."""
        requests = traffic.requests(model.writer.model)
        came = any(requests.values())
        for release in model.releases.values():
            if release.unseen or (self._policy.releases.producer is not None and release.is_actionable):
                return False
            if came and not _serves_on(release, requests):
                return False
        return True

    def count_before(self, model: Model, traffic: PaneTraffic) -> None:
        """Take the pane as `begin_pane` would: each candidate's usual share of the requests."""
        requests = traffic.requests(model.writer.model)
        for release in model.releases.values():
            state = release.state
            if isinstance(state, RollingOut) and requests.get(release.candidate):
                state.usual = share_since(model.served, release.candidate, traffic.bucket - RECENT + 1)
                state.missed = 0

    def after_rules(self, model: Model, traffic: PaneTraffic, findings: Sequence[CanaryFinding]) -> bool:
        """Tell whether `end_pane` would only count, if no alert begins or ends: nothing is found, and nothing holds."""
        releases = model.releases
        if not all(_finds_nothing(each, releases[each.candidate]) for each in findings):
            return False
        if any(key[1] in releases and not self._alerts_alone(model, key) for key in model.bad):
            return False
        requests = traffic.requests(model.writer.model)
        return all(self._stays(model, each, traffic, requests) for each in releases.values())

    def count_after(self, model: Model, traffic: PaneTraffic) -> None:
        """Take the pane as `end_pane` would: the running blip of comparisons with the past."""
        requests, total = traffic.requests(model.writer.model), None
        came = {each.version: each.counts for each in traffic.came.get(model.writer.model, ())}
        for release in model.releases.values():
            state = release.state
            if not isinstance(state, RollingOut | Promoted) or not self._is_counted(model, release, traffic):
                continue
            total = sum(requests.values()) if total is None else total
            counts = came.get(release.candidate)
            for rule, panes, slis in self._blips:
                blip = {} if counts is None else {sli: (counts[1 + 2 * sli], counts[2 + 2 * sli]) for sli in slis}
                replaced = state.replaced[rule]
                replaced.add(total, requests.get(release.baseline, 0), blip)
                if traffic.pane % panes == panes - 1:
                    replaced.begin(traffic.pane // panes + 1)

    def _alerts_alone(self, model: Model, key: Key) -> bool:
        """Tell whether a rule that is BAD on a candidate only fires its alert, or acts through findings."""
        action = self._actions.get(key[0])
        return action is None or (action == "alert" and key in model.alerts.firing)

    def _is_counted(self, model: Model, release: ReleaseState, traffic: PaneTraffic) -> bool:
        return compares_with_past(model, release, traffic.pane, self._policy)

    def _stays(self, model: Model, release: ReleaseState, traffic: PaneTraffic, requests: Mapping[str, int]) -> bool:
        """Tell whether a release stays as it is, apart from the running blips."""
        state = release.state
        if isinstance(state, Recovered):
            return state.excess is None and not requests.get(release.candidate)
        if not isinstance(state, RollingOut | Promoted):
            return isinstance(state, Overridden)
        if state.holds or state.held or state.throttled or state.shared or state.shared_values:
            return False
        if state.split is not None if isinstance(state, RollingOut) else any(state.first_served.values()):
            return False
        if not self._is_counted(model, release, traffic):
            return True
        total, baseline = sum(requests.values()), requests.get(release.baseline, 0)
        return all(self._runs_on(state, each, traffic.pane, total, baseline) for each in self._blips)

    def _runs_on(self, state: RollingOut | Promoted, blips: _Blips, pane: int, total: int, baseline: int) -> bool:
        """Tell whether the blip of a rule goes on, or ends without effect, as the baseline has not stopped."""
        replaced = state.replaced.get(blips.rule)
        if replaced is None or replaced.found or (replaced.unknown and not replaced.alerted):
            return False
        number, place = divmod(pane, blips.panes)
        if number != replaced.blip:
            return False
        total, baseline = replaced.total + total, replaced.baseline + baseline
        few = total < EXPECTED_MIN or baseline > self._policy.releases.applied_share * total
        return few or place < blips.panes - 1


def _serves_on(release: ReleaseState, requests: Mapping[str, int]) -> bool:
    """Tell whether a candidate that is rolled out has requests as before, or is not expected to have any."""
    state = release.state
    if not isinstance(state, RollingOut) or is_mirrored(release.candidate):
        return True
    return bool(requests.get(release.candidate)) and not state.silent


def _finds_nothing(finding: CanaryFinding, release: ReleaseState) -> bool:
    """Tell whether a finding changes nothing: nothing is BAD, nothing passes, and nothing is named that prevents it."""
    if finding.bad:
        return False
    passes = finding.word == "OK" or finding.far or finding.unserved or finding.doubtful
    return not (passes and isinstance(release.state, RollingOut))
