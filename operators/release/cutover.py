"""A release that replaces its baseline at once: the candidate against the baseline's last hours.

A promoted candidate is treated alike for a day after its promotion, as it may serve other users than those on which
it passed. Only SLIs on events count, on all traffic, for a day, in blips in which the baseline serves no more. What is
found is BAD by the canary rule, `historical` in its evidence, and leads to the rule's `cutover_action`.
"""

import math
from collections.abc import Iterator

import msgspec

from operators.policy.policy import Policy
from operators.policy.rules import ReleaseRule
from operators.release.historical import Past, most_allowed, why_none
from operators.release.historical_evidence import historical_evidence
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Promoted, RollingOut
from operators.release.replaced import Replaced
from operators.release.state import ReleaseState
from operators.release.traffic import Counted, Served, hour_of
from operators.release.warming import warmed_up
from operators.rules import alpha as alphas
from operators.rules.canary_state import BLIP_CAP
from operators.rules.verdict import Verdict
from operators.spans import DAY_MS
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries
from operators.wire.control import Affected, ControlEvent

HOURS = 6  # The last hours in which the baseline served.
WEEK = 168  # Hours.
LASTS_MS = DAY_MS  # From the baseline's last request on.
# Requests that the baseline, had it served as before, would have had in a blip: if hardly any came, it has stopped
# (the rule of three: J. A. Hanley, A. Lippman-Hand, JAMA 249 (1983), 1743-1745).
EXPECTED_MIN = 3.0


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that is far worse than its baseline was, by a rule; `slices` has one slice, `dims`, for each SLI."""

    rule: ReleaseRule
    release: ReleaseState
    slices: tuple[Affected, ...]
    new: bool
    dims: dict[str, str] = {}

    def verdict(self, model: str, pane: int) -> Verdict:
        """Return the finding as a verdict, to be reported."""
        series = SliceSeries(model, self.release.candidate, self.slices[0].slice, self.dims)
        return Verdict(rule=self.rule.name, series=series, word="BAD", pane=pane, evidence=self.slices[0].evidence)


def compare_with_past(model: Model, at: PaneContext) -> Iterator[Beyond]:
    """Take the pane; yield every candidate that is far worse than its baseline was, and whether that is newly found."""
    for release in model.releases.values():
        state = release.state
        if not isinstance(state, RollingOut | Promoted) or not compares_with_past(model, release, at.pane, at.policy):
            continue
        for rule in at.policy.rules:
            if isinstance(rule, ReleaseRule):
                number = at.pane // panes_of(rule, at.policy)
                replaced = state.replaced.setdefault(rule.name, Replaced(blip=number, first=at.pane))
                new = _compare(model, at, release, rule, replaced)
                found = [replaced.found[sli] for sli in sorted(replaced.found)]
                if found:
                    found.sort(key=lambda each: -(each.evidence.value or 0.0))
                    yield Beyond(rule=rule, release=release, slices=tuple(found), new=new)


def compares_with_past(model: Model, release: ReleaseState, pane: int, policy: Policy) -> bool:
    """Tell whether a pane counts for a candidate: it is warm, and its baseline has served within a day."""
    candidate, baseline = model.served.get(release.candidate), model.served.get(release.baseline)
    if candidate is None or baseline is None or (pane - baseline.last) * policy.pane_ms > LASTS_MS:
        return False
    return pane >= warmed_up(model, release, policy)


def panes_of(rule: ReleaseRule, policy: Policy) -> int:
    """Return how many panes a blip of a rule has."""
    return max(rule.blip_ms // policy.pane_ms, 1)


def event_slis(rule: ReleaseRule, policy: Policy) -> tuple[int, ...]:
    """Return the numbers of the SLIs of a rule that are compared: those on events."""
    return tuple(index for index, sli in enumerate(policy.slis) if sli.name in rule.slis and not sli.on_feedback)


def tell_unknown(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Say once for each candidate that replaced its baseline why a rule cannot compare it with the baseline's past."""
    events = []
    for release in model.releases.values():
        for rule, replaced in release.state.replaced.items() if isinstance(release.state, RollingOut) else ():
            if not replaced.unknown or replaced.alerted:
                continue
            replaced.alerted = True
            whys = "; ".join(f"of {at.policy.slis[sli].name} {why}" for sli, why in sorted(replaced.unknown.items()))
            reason = (
                f"{release.baseline} serves no longer, and {rule} cannot tell whether {release.candidate} is worse "
                f"than it was in its last {HOURS} hours: {whys}"
            )
            events.append(model.say("alert", at, release.candidate, "release", "ticket", release, reason=reason))
    return events


def _compare(model: Model, at: PaneContext, release: ReleaseState, rule: ReleaseRule, replaced: Replaced) -> bool:
    """Add the pane to what a rule knows about a candidate; return whether the candidate is newly BAD."""
    panes = panes_of(rule, at.policy)
    number, place = divmod(at.pane, panes)
    new = False
    if number != replaced.blip:
        new = _end(model, at, release, rule, replaced)
        replaced.begin(number)
    came = at.slis(release.candidate, "*")
    slis = event_slis(rule, at.policy)
    counts = {} if came is None else {sli: (int(came[sli, GOOD]), int(came[sli, BAD])) for sli in slis}
    replaced.add(sum(at.requests.values()), at.requests.get(release.baseline, 0), counts)
    if place == panes - 1:
        new |= _end(model, at, release, rule, replaced)
        replaced.begin(number + 1)
    return new


def _end(model: Model, at: PaneContext, release: ReleaseState, rule: ReleaseRule, replaced: Replaced) -> bool:
    """End the running blip; it counts if the baseline had stopped by then."""
    served = model.served[release.baseline]
    gone = replaced.baseline <= at.policy.releases.applied_share * replaced.total
    if not gone or replaced.total * _share_before(model, at, release) < EXPECTED_MIN:
        return False
    hours, week_ago = _usual(at, served)
    panes = panes_of(rule, at.policy)
    alpha = alphas.of_cutover(rule) * alphas.portion(release.attempt) / len(rule.slis)
    log_cap = math.log(BLIP_CAP) if rule.blip_ms else math.inf
    new = False
    for sli, (good, bad) in replaced.counts.items():
        last, ago = ([_counted(each, sli) for each in some] for some in (hours, week_ago))
        most = most_allowed(last, ago, rule.cutover_tolerance, rule.cutover_points)
        if most is None and good + bad:
            replaced.unknown[sli] = why_none(last, ago)
        if most is None or not good + bad:
            continue
        past = replaced.past.get(sli) or Past(since=max(replaced.blip * panes, replaced.first))
        past = replaced.past[sli] = past.step(good, bad, most, log_cap)
        if past.peak >= -math.log(alpha) and sli not in replaced.found:
            usual = sum(each[0] for each in last), sum(each[1] for each in last)
            why = f"{release.baseline} serves no longer: compared with its last {HOURS} hours"
            found = historical_evidence(at, release, sli, past, usual, most, rule.alpha / alpha, why)
            replaced.found[sli] = Affected(slice="*", verdict="BAD", evidence=found)
            new = True
    return new


def _share_before(model: Model, at: PaneContext, release: ReleaseState) -> float:
    """Return the baseline's share of the requests of its last hours, less the candidate's."""
    until = hour_of(model.served[release.baseline].last, at.policy.pane_ms)
    requests = {
        version: sum(hour[0] for number, hour in served.hours.items() if until - HOURS <= number <= until)
        for version, served in model.served.items()
        if version != release.candidate
    }
    return requests[release.baseline] / max(sum(requests.values()), 1)


def _usual(at: PaneContext, served: Served) -> tuple[list[list[int]], list[list[int]]]:
    """Return the last hours of a baseline, and those around the same time a week ago."""
    until, now = hour_of(served.last, at.policy.pane_ms), hour_of(at.pane, at.policy.pane_ms)
    last = [hour for number, hour in served.hours.items() if until - HOURS <= number <= until]
    return last, [hour for number, hour in served.hours.items() if abs(number - (now - WEEK)) <= 1]


def _counted(hour: list[int], sli: int) -> Counted:
    return hour[1 + 2 * sli], hour[2 + 2 * sli]
