"""One model, pane by pane: traffic and commands in, then verdicts in, control events out.

Every model takes the traffic of every pane (`note_pane`); where the rest would change nothing it is left out
(`uneventful.py`).

The parts: `commands.py` obeys, `discovery.py` finds releases, `actions.py` does what rules ask for (`rollback.py`,
`promotion.py`), `verification.py` sees whether a rollback helped, `returning.py` whether withdrawn versions stay away,
`alert_events.py` writes alerts, `incidents.py` groups events into incidents, `completing.py` adds everything that is
known (`lately.py`, `context.py`) and a sentence. `transitions.py` has every transition.
"""

from collections.abc import Sequence

from operators.release.actions import act, verdicts_in_force
from operators.release.alert_events import resolve_replaced, resolve_resting, tell, tell_unheard, woken
from operators.release.alerts import Alerts, Key, place_of
from operators.release.commands import obey
from operators.release.completing import completed
from operators.release.cutover import compare_with_past, tell_unknown
from operators.release.discovery import discover, note_traffic
from operators.release.doubts import note_doubts
from operators.release.event_writer import EventWriter
from operators.release.first_served import compare_first_served
from operators.release.incidents import end_holds, numbered
from operators.release.lately import note_lately
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.overflow import tell_overflow
from operators.release.pane_traffic import PaneTraffic
from operators.release.producers import note_producers
from operators.release.returning import watch
from operators.release.silent import tell_silent
from operators.release.unseen import await_unseen
from operators.release.verification import follow_up
from operators.rules.verdict import Verdict
from operators.window.folded import Folded
from operators.window.waiting_commands import Due
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS


def new_model(name: str) -> Model:
    return Model(writer=EventWriter(model=name), alerts=Alerts())


def note_pane(model: Model, traffic: PaneTraffic) -> None:
    """Remember what a pane shows about a model, whatever is under way; this comes first with every pane."""
    note_traffic(model, traffic)
    note_lately(model, traffic)
    note_doubts(model, traffic)


def begin_pane(model: Model, at: PaneContext, due: Sequence[Due], folded: Sequence[Folded] = ()) -> list[ControlEvent]:
    """Take commands, and names beyond a limit (`folded`), before rules look at the pane; return events."""
    events = obey(model, at, due) if due else []
    events += await_unseen(model, at, due) if due or model.releases else []
    discover(model, at)
    if model.releases:
        note_producers(model, at)
        events += tell_silent(model, at)
    if folded or model.overflow:
        events += tell_overflow(model, at, folded)
    return completed(model, at, numbered(model, events, ended=False)) if events else []


def end_pane(
    model: Model, at: PaneContext, verdicts: Sequence[Verdict], findings: Sequence[CanaryFinding]
) -> list[ControlEvent]:
    """Take the verdicts that changed with the pane, and the findings of canary rules; return the control events."""
    beyond = [*compare_with_past(model, at), *compare_first_served(model, at)]
    verdicts = [*verdicts, *(each.verdict(model.writer.model, at.pane) for each in beyond if each.new)]
    _remember(model, verdicts)
    events = act(model, at, findings, beyond)
    withdrawn = {(event.rule, event.version) for event in events if EVENT_KINDS[event.type].withdraws}
    changed: dict[Key, list[Verdict]] = {}
    for verdict in [*verdicts, *_untold(model, at, verdicts), *woken(model, at, verdicts)]:
        changed.setdefault((verdict.rule, verdict.series.version), []).append(verdict)
    for key, some in changed.items():
        if key not in withdrawn:
            events += tell(model, at, key, some)
    events += follow_up(model, at)
    events += tell_unknown(model, at)
    events += watch(model, at)
    events += resolve_replaced(model, at, events)
    events += resolve_resting(model, at)
    events += tell_unheard(model, at)
    return completed(model, at, numbered(model, events + end_holds(model, at, events)), findings)


def _remember(model: Model, verdicts: Sequence[Verdict]) -> None:
    """Keep which series are BAD: only OK ends it."""
    came: dict[Key, list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.word in ("BAD", "OK"):
            came.setdefault((verdict.rule, verdict.series.version), []).append(verdict)
    for key, some in came.items():
        known = {place_of(each): each for each in model.bad.get(key, {}).values()}
        for verdict in some:
            where = place_of(verdict)
            known.pop(where, None)
            if verdict.word == "BAD":
                known[where] = verdict
        if known:
            model.bad[key] = known
        else:
            model.bad.pop(key, None)


def _untold(model: Model, at: PaneContext, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return BAD verdicts from before a release began anew that still count against it, without a firing alert."""
    if not model.bad:
        return []
    now = {(verdict.rule, verdict.series.version) for verdict in verdicts}
    return [
        verdict
        for release in model.releases.values()
        for rule in at.policy.rules
        if (rule.name, release.candidate) not in model.alerts.firing.keys() | now | {*model.alerts.rested}
        for verdict in verdicts_in_force(model, at, release, rule).values()
    ]
