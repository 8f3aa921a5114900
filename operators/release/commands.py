"""What people and pipelines say, obeyed when the pane closes with which it takes effect."""

from collections.abc import Sequence

from operators.control import Ack, ControlEvent, Override, Refusal, Release, Silence
from operators.release.discovery import declare
from operators.release.model import At, Model
from operators.window.commands import Said


def obey(model: Model, at: At, said: Sequence[Said]) -> list[ControlEvent]:
    """Do what commands ask for, in their order; tell of those that were refused."""
    events: list[ControlEvent] = []
    for each in said:
        if isinstance(each, Release):
            events += declare(model, at, each)
        elif isinstance(each, Override):
            events += _revoke(model, at, each) if each.revoked else _override(model, at, each)
        elif isinstance(each, Ack):
            events += _acknowledge(model, at, each)
        elif isinstance(each, Silence):
            model.alerts.mute(each)
        else:
            events.append(_refused(model, at, each))
    return events


def _override(model: Model, at: At, command: Override) -> list[ControlEvent]:
    if command.version in model.overridden:
        return []
    model.overridden.add(command.version)
    trial = model.trials.get(command.version)
    if trial is not None:
        # The pin that keeps traffic from this version goes; one that another rollback set stays.
        if trial.withdrawn and model.speaker.pin == trial.baseline:
            model.speaker.pin = None
        model.move(trial, "overridden")
    reason = f"{command.version} runs whatever the rules say, until revoked; {_by(command)}"
    return [model.say("alert", at, command.version, "override", "info", trial, reason=reason)]


def _revoke(model: Model, at: At, command: Override) -> list[ControlEvent]:
    if command.version not in model.overridden:
        return []
    model.overridden.discard(command.version)
    trial = model.trials.get(command.version)
    if trial is not None and trial.phase == "overridden":
        # Judged anew: what came before was allowed.
        fresh = type(trial)(
            candidate=trial.candidate,
            baseline=trial.baseline,
            since=at.pane,
            phase="overridden",
            release=trial.release,
        )
        model.trials[command.version] = fresh
        model.move(fresh, "revoked")
    reason = f"{command.version} is judged by the rules again; {_by(command)}"
    return [model.say("alert", at, command.version, "override", "info", trial, reason=reason, state="resolved")]


def _acknowledge(model: Model, at: At, command: Ack) -> list[ControlEvent]:
    found = model.alerts.acknowledged(command)
    if found is None:
        return []
    (rule, version), firing = found
    reason = f"acknowledged; {_by(command)}"
    slices = tuple(firing.slices.values())
    return [model.say("alert", at, version, rule, "info", None, reason=reason, slices=slices, acked=True)]


def _by(command: Ack | Override) -> str:
    return f"command {command.id}" + (f" by {command.by}" if command.by else "")


def _refused(model: Model, at: At, refusal: Refusal) -> ControlEvent:
    where = f"{refusal.source} at {refusal.position}, item {refusal.item}"
    reason = f"a command was refused ({refusal.reason}): {refusal.detail}; {where}"
    return model.say("alert", at, "", f"commands:{refusal.reason}", "ticket", None, reason=reason)
