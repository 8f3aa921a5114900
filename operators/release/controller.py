"""One model, pane by pane: traffic and commands in, then verdicts, then what is to be said.

The parts: `commands.py` obeys, `discovery.py` finds releases, `acting.py` does what rules ask for, `aftermath.py` sees
whether it helped, `alerts.py` tells people. `phases.py` has every transition.
"""

from collections.abc import Sequence

from operators.control import ControlEvent
from operators.release.acting import act
from operators.release.aftermath import follow_up
from operators.release.alerts import Alerts, Firing, Key, worst_first
from operators.release.commands import obey
from operators.release.discovery import discover, note_traffic
from operators.release.model import At, Finding, Model
from operators.release.speaker import Speaker
from operators.rules import AnyRule
from operators.verdict.counts import ALL_VERSIONS
from operators.verdict.verdicts import Verdict
from operators.window.commands import Said


def new_model(name: str) -> Model:
    return Model(speaker=Speaker(model=name), alerts=Alerts())


def begin_pane(model: Model, at: At, said: Sequence[Said]) -> list[ControlEvent]:
    """Take commands and traffic, before the pane is judged."""
    note_traffic(model, at)
    events = obey(model, at, said)
    discover(model, at)
    return events


def end_pane(model: Model, at: At, verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> list[ControlEvent]:
    """Take the verdicts of the pane that changed and what canary rules find; return what is to be said."""
    for verdict in verdicts:
        _remember(model, verdict)
    events = act(model, at, findings)
    told = {(event.rule, event.version) for event in events if event.type in ("rollback", "kill")}
    rules = {rule.name: rule for rule in at.policy.rules}
    for verdict in verdicts:
        if (verdict.rule, verdict.series.version) not in told:
            events += _alert(model, at, verdict, rules[verdict.rule])
    events += follow_up(model, at)
    for event in events:
        if event.type == "rollback_applied":
            gone = f"{event.version} serves no longer"
            events += [_resolved(model, at, key, firing, gone) for key, firing in model.alerts.drop(event.version)]
    return events


def _remember(model: Model, verdict: Verdict) -> None:
    """Keep which series are BAD: only OK ends it."""
    key = verdict.rule, verdict.series.version
    if verdict.word == "BAD":
        model.bad.setdefault(key, {})[verdict.series.text] = verdict
    elif verdict.word == "OK" and key in model.bad:
        model.bad[key].pop(verdict.series.text, None)
        if not model.bad[key]:
            del model.bad[key]


def _alert(model: Model, at: At, verdict: Verdict, rule: AnyRule) -> list[ControlEvent]:
    version = verdict.series.version
    trial = model.trials.get(version)
    if trial is not None and trial.phase in ("rolled_back", "verifying"):
        return []  # People know.
    if verdict.word == "STALE" and version != ALL_VERSIONS and not _expected(model, version):
        return []
    change = model.alerts.take(verdict, verdict.severity or rule.severity)
    if change is None:
        return []
    state, firing = change
    if state == "resolved":
        return [_resolved(model, at, (rule.name, version), firing)]
    slices = worst_first(list(firing.slices.values()))
    fields = {"slices": slices, "evidence": slices[0].evidence, "runbook": rule.runbook}
    event = model.say("alert", at, version, rule.name, firing.severity, trial, **fields)
    firing.event = event.id
    return [event]


def _expected(model: Model, version: str) -> bool:
    """Whether a version ought to have traffic: one that was replaced is missed by nobody."""
    trial = model.trials.get(version)
    if model.speaker.pin is not None:
        return version == model.speaker.pin
    return (trial is not None and trial.judged) or not model.trials


def _resolved(model: Model, at: At, key: Key, firing: Firing, reason: str = "") -> ControlEvent:
    rule, version = key
    slices = worst_first(list(firing.slices.values()))
    return model.say("alert", at, version, rule, "info", None, state="resolved", slices=slices, reason=reason)
