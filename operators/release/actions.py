"""From verdicts that stand to what is done about a version that serves: withdraw, throttle, hold, promote."""

from collections.abc import Sequence

from operators.policy.rules import Action, ReleaseRule, Rule
from operators.release.alerts import affected, worst_first
from operators.release.by_time import outlasts_ms
from operators.release.cutover import Beyond
from operators.release.doubts import believed, why_not_believed
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.own_harm import Slices
from operators.release.phase_states import Actionable, Hold
from operators.release.promotion import check_split, promote
from operators.release.refuge import others_serve
from operators.release.rollback import end_shared, hold, withdraw
from operators.release.serving import attend
from operators.release.state import ReleaseState
from operators.rules.verdict import Verdict
from operators.wire.control import ControlEvent
from operators.wire.mirrored import is_mirrored

# Actions, the mildest first.
ACTIONS: tuple[Action, ...] = ("alert", "hold", "throttle", "rollback", "kill")


def act(
    model: Model, at: PaneContext, findings: Sequence[CanaryFinding], beyond: Sequence[Beyond] = ()
) -> list[ControlEvent]:
    """Do what the rules ask for; `findings` are those of every release, `beyond` of those without a baseline."""
    end_shared(model, at)
    attend(model, at)
    events = check_split(model, at)
    for release in model.releases.values():
        if isinstance(release.state, Actionable):
            release.state.held, release.state.holds = release.state.holds, {}
    for finding in findings:
        events += _find(model, at, finding)
    for each in beyond:
        events += _do(model, at, each.release, each.rule, each.rule.cutover_action, each.slices)
    for rule in at.policy.rules if model.bad else ():
        for release in list(model.releases.values()):
            verdicts = verdicts_in_force(model, at, release, rule)
            if verdicts:
                slices = worst_first(affected(verdicts.values()))
                events += _do(model, at, release, rule, rule.action, slices)
    for release in model.releases.values():
        events += _end_throttles(model, at, release)
    return events + promote(model, at, findings)


def verdicts_in_force(model: Model, at: PaneContext, release: ReleaseState, rule: Rule) -> dict[str, Verdict]:
    """Return by place the BAD verdicts of a rule on a candidate that count against this release.

    A verdict from before the release began (or began anew) rests on older events. It counts only if the candidate
    serves and it is still BAD when the release is older than the rule's window: a version that is well would be OK by
    then.
    """
    known = model.bad.get((rule.name, release.candidate))
    if not known or isinstance(rule, ReleaseRule) or not release.is_actionable:
        return {}
    served, age_ms = model.served.get(release.candidate), at.ts - release.since * at.policy.pane_ms
    serves = served is not None and served.last >= release.since
    return {
        text: verdict
        for text, verdict in known.items()
        if verdict.pane >= release.since or (serves and age_ms > outlasts_ms(verdict, rule.lasting_ms))
    }


def _find(model: Model, at: PaneContext, finding: CanaryFinding) -> list[ControlEvent]:
    """Act on a finding of a canary rule: `action` for all traffic, `slice_action` for slices, the stronger of both."""
    release, rule = model.releases[finding.candidate], finding.rule
    # Where no slice is left whose judges are believed, `_do` holds.
    bad = believed(model, at, release, finding.bad)
    whole = believed(model, at, release, finding.whole) if bad else finding.whole
    bad = bad or finding.bad
    asked = [rule.action] if whole else []
    if len(bad) > len(whole):
        asked.append(rule.slice_action)
    if release.since > at.pane:  # The comparison has begun anew since.
        return []
    if finding.far and release.phase == "rolling_out":
        why = f"{rule.name} would pass, but {finding.far[0].slice} is surely far worse"
        return hold(model, at, release, rule, "slice", why, finding.far)
    if finding.unserved and release.phase == "rolling_out":
        first = finding.unserved[0]
        why = f"{rule.name} would pass, but {first.slice} is {first.evidence.reason}"
        return hold(model, at, release, rule, "unserved", why, finding.unserved)
    if finding.doubtful and release.phase == "rolling_out":
        why = f"{rule.name} would pass, were it not for {finding.doubtful[0].evidence.sli}"
        return hold(model, at, release, rule, "slice", why, finding.doubtful)
    if not asked:
        return []
    return _do(model, at, release, rule, max(asked, key=ACTIONS.index), bad)


def _do(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, action: Action, slices: Slices
) -> list[ControlEvent]:
    if not release.is_actionable or action == "alert":
        return []  # Verdicts that change become alerts.
    if is_mirrored(release.candidate):
        why = f"{rule.name} is BAD on copies of requests: nobody is served by it, so nothing else is done"
        return hold(model, at, release, rule, "hold", why, slices) if not rule.of_users else []
    if action != "hold":
        kept = believed(model, at, release, slices)
        if not kept:
            doubt = why_not_believed(model, at, release, slices[0].evidence) or ""
            return hold(model, at, release, rule, "judge", doubt, slices)
        slices = kept
    if action in ("rollback", "kill"):
        return withdraw(model, at, release, rule, action, slices)
    return _restrain(model, at, release, rule, action, slices)


def _restrain(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, action: Action, slices: Slices
) -> list[ControlEvent]:
    """Hold or throttle a candidate."""
    if action == "hold" and not release.baseline:
        return []  # Nothing would be promoted.
    if action == "throttle" and not others_serve(model, at, release.candidate):
        why = f"{rule.name} is BAD, but it cannot be throttled: no other version serves"
        return hold(model, at, release, rule, "unpinnable", why, slices)
    how: Hold = "throttle" if action == "throttle" else "hold"
    return hold(model, at, release, rule, how, f"{rule.name} is BAD", slices)


def _end_throttles(model: Model, at: PaneContext, release: ReleaseState) -> list[ControlEvent]:
    """Return the events that end the throttling of a candidate by rules that are no longer BAD on it."""
    state = release.state
    if not isinstance(state, Actionable):
        return []  # The event that was written instead ends the throttling.
    ended = [rule for rule, how in state.held.items() if how == "throttle" and state.holds.get(rule) != "throttle"]
    state.throttled = "throttle" in state.holds.values()
    if state.throttled:
        return []
    return [model.say("throttle", at, release.candidate, rule, "info", release, state="resolved") for rule in ended[:1]]
