"""Alerts as control events: which changed verdicts become events, and when an alert is resolved."""

from collections.abc import Sequence

from operators.policy.rules import INPUT
from operators.release.alerts import Key, worst_first
from operators.release.completing import completed
from operators.release.incidents import numbered
from operators.release.inputs import fire as fire_input
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Withdrawn
from operators.release.renewed import renewed
from operators.release.state import ReleaseState
from operators.rules.verdict import Verdict
from operators.window.series_index import ALL_VERSIONS
from operators.wire.control import Affected, ControlEvent
from operators.wire.mirrored import is_mirrored

RESTS_MS = 900_000  # A version without requests for this long no longer serves, as far as alerts go.


def tell(model: Model, at: PaneContext, key: Key, verdicts: Sequence[Verdict]) -> list[ControlEvent]:
    """Return the alert for the changed verdicts of one rule and version: one event, however many slices."""
    name, version = key
    if model.phase_of(version) in ("rolled_back", "verifying", "recovered"):
        return []  # The rollback has told people.
    expected = version == ALL_VERSIONS or _expected(model, version)
    heard = [verdict for verdict in verdicts if expected or verdict.word != "STALE"]
    rule = next(rule for rule in at.policy.rules if rule.name == name)
    if is_mirrored(version) and rule.of_users:
        return []  # A promise to users is not broken by answers that nobody gets.
    change = model.alerts.take(key, heard, rule.severity)
    if change is None:
        return []
    state, slices = change
    return [_fire(model, at, key) if state == "firing" else _resolve(model, at, key, slices)]


def tell_unheard(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Return an event for each alert that began while it was silenced and still fires now that the silence is over."""
    return [_fire(model, at, key) for key in model.alerts.unheard(at.ts)]


def resolve_replaced(model: Model, at: PaneContext, written: Sequence[ControlEvent]) -> list[ControlEvent]:
    """Resolve alerts on versions whose traffic has moved away, by rules that are gone, or about nothing any more."""
    gone = {event.version for event in written if event.type == "rollback_applied"}
    rules = {rule.name for rule in at.policy.rules}
    events = []
    fires = [(key, firing) for key, firing in model.alerts.firing.items() if not is_input(key)]
    for key, firing in fires:
        if key[0] not in rules:
            reason = f"{key[0]} is no rule any more"
        elif key[1] in gone:
            reason = f"{key[1]} serves no longer"
        elif firing.is_over:
            reason = f"{key[0]} looks at something else now"
        else:
            continue
        del model.alerts.firing[key]
        events.append(_resolve(model, at, key, list(firing.slices.values()), reason))
    return events


def resolve_resting(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Resolve alerts on versions that had no requests for a while in which others had some.

    Their verdicts stand, and fire again once the versions serve (`woken`). An alert that data is missing (STALE) is
    not over because data is missing.
    """
    if not any(at.requests.values()):
        return []
    events = []
    for key, firing in list(model.alerts.firing.items()):
        served = model.served.get(key[1])
        rests = served is not None and (at.pane - served.last) * at.policy.pane_ms >= RESTS_MS
        stale = any(each.verdict == "STALE" for each in firing.slices.values())
        if rests and not (stale and _expected(model, key[1])):
            del model.alerts.firing[key]
            model.alerts.rested = (*(each for each in model.alerts.rested if each != key), key)
            reason = f"{key[1]} has had no requests for {RESTS_MS // 60_000} minutes"
            events.append(_resolve(model, at, key, list(firing.slices.values()), reason))
    return events


def woken(model: Model, at: PaneContext, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the BAD verdicts on versions that serve again, whose alerts were resolved while they had no traffic."""
    keys = [key for key in model.alerts.rested if at.requests.get(key[1])]
    if not keys:
        return []
    model.alerts.rested = tuple(key for key in model.alerts.rested if key not in keys)
    now = {(verdict.rule, verdict.series.version) for verdict in verdicts}
    known = [key for key in keys if key not in now and key not in model.alerts.firing]
    return [verdict for key in known for verdict in model.bad.get(key, {}).values()]


def resolve_forgotten(model: Model, at: PaneContext, reason: str) -> list[ControlEvent]:
    """Resolve all alerts on a model that no policy decides on any more, giving the reason."""
    firing = {key: list(each.slices.values()) for key, each in model.alerts.firing.items()}
    model.alerts.firing.clear()
    over = [_resolve(model, at, key, slices, reason) for key, slices in firing.items()]
    return completed(model, at, numbered(model, over))


def is_input(key: Key) -> bool:
    """Tell whether an alert is about an input, not from a rule."""
    return key[0].startswith(f"{INPUT}:")


def _fire(model: Model, at: PaneContext, key: Key) -> ControlEvent:
    if is_input(key):
        return fire_input(model, at, key)
    rule = next(rule for rule in at.policy.rules if rule.name == key[0])
    firing = model.alerts.firing[key]
    new = set() if firing.silenced else set(firing.new)
    heard = [where for where in firing.slices if where not in new]
    again = renewed(at, rule.name, key[1], [firing.slices[where] for where in heard])
    firing.slices.update(zip(heard, again, strict=True))
    slices = firing.slices_ordered
    fields = {"slices": slices, "evidence": slices[0].evidence, "runbook": rule.runbook}
    event = model.say("alert", at, key[1], rule.name, firing.severity, model.releases.get(key[1]), **fields)
    firing.record(event.id, event.silenced)
    return event


def _expected(model: Model, version: str) -> bool:
    """Whether a version ought to have traffic: nobody misses one that was replaced."""
    release = model.releases.get(version)
    if model.alone is not None:
        return version == model.alone
    heir = any(_took_over(other, version) for other in model.releases.values())
    released = any(other.phase != "serving" for other in model.releases.values())
    return (release is not None and release.is_actionable) or heir or not released


def _took_over(release: ReleaseState, version: str) -> bool:
    """Tell whether a version is to have the traffic of a withdrawn one."""
    return isinstance(release.state, Withdrawn) and version in (release.baseline, release.state.refuge)


def _resolve(model: Model, at: PaneContext, key: Key, slices: Sequence[Affected], reason: str = "") -> ControlEvent:
    return model.say(
        "alert", at, key[1], key[0], "info", None, state="resolved", slices=worst_first(slices), reason=reason
    )
