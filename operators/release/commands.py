"""Commands of people and pipelines, obeyed when the pane that they take effect with closes."""

from collections.abc import Sequence

from operators.release.answers import answer, known_by, silence_begun, silence_ended
from operators.release.by_hand import ByHand, by, do_by_hand
from operators.release.discovery import declare
from operators.release.floods import without_flood
from operators.release.inputs import heed
from operators.release.machine import let_run, revoke
from operators.release.model import Model, PaneContext
from operators.window.waiting_commands import OVER, UNCLAIMED, Due
from operators.wire.commands import Ack, Command, Override, Release, Silence, Unsilence
from operators.wire.control import ControlEvent, Notice, Refusal, Severity

DETAILS_MAX = 3  # Details of refusals that one alert lists.


def obey(model: Model, at: PaneContext, due: Sequence[Due]) -> list[ControlEvent]:
    """Carry out commands in their order; return the events, with alerts about those that were refused."""
    due, events = without_flood(model, at, due)
    refused: dict[str, list[Refusal]] = {}
    notices = [each for each in due if isinstance(each, Notice)]
    for each in due:
        if isinstance(each, Refusal):
            refused.setdefault(each.reason, []).append(each)
        elif isinstance(each, Silence):
            model.alerts.mute(each, at.ts)
            events += silence_begun(model, at, each, by(each))
        elif isinstance(each, Unsilence):
            events += silence_ended(model, at, each, by(each), there_was=model.alerts.unmute(each, at.ts))
        elif isinstance(each, Command):
            events += _do(model, at, each)
    return events + [_refused(model, at, some) for some in refused.values()] + heed(model, at, notices)


def _do(model: Model, at: PaneContext, command: Release | Override | ByHand | Ack) -> list[ControlEvent]:
    match command:
        case Release():
            return declare(model, at, command)
        case Override():
            return _revoke(model, at, command) if command.revoked else _override(model, at, command)
        case Ack():
            return _acknowledge(model, at, command)
        case _:
            return [do_by_hand(model, at, command)]


def _override(model: Model, at: PaneContext, command: Override) -> list[ControlEvent]:
    version = command.version
    if version in model.overridden:
        return [answer(model, at, "no_override", version, f"{version} runs already; {by(command)}")]
    unseen = [] if version in model.served else [f"{version} has not served"]
    words = [f"{version} runs whatever the rules say, until revoked", *unseen, by(command)]
    reason = "; ".join([*words, *let_run(model, command.version)])
    release = model.releases.get(command.version)
    return [model.say("alert", at, command.version, "override", "info", release, reason=reason, lifts=True)]


def _revoke(model: Model, at: PaneContext, command: Override) -> list[ControlEvent]:
    if command.version not in model.overridden:
        reason = f"nothing was revoked: {command.version} has no override; {by(command)}"
        return [answer(model, at, "no_override", command.version, reason)]
    before = model.releases.get(command.version)
    release = revoke(model, at, command.version)
    # The event on a version without a release has the times of its withdrawal.
    known = release if release.baseline else before
    reason = f"{command.version} is judged by the rules again; {by(command)}"
    return [model.say("alert", at, command.version, "override", "info", known, reason=reason, state="resolved")]


def _acknowledge(model: Model, at: PaneContext, command: Ack) -> list[ControlEvent]:
    found = model.alerts.acknowledged(command)
    known = known_by(model, command) if found is None else found[0]
    if known is None:
        reason = f"nothing was acknowledged: event {command.event} told of nothing that is open; {by(command)}"
        return [answer(model, at, "no_alert", "", reason)]
    rule, version = known
    reason = f"acknowledged; {by(command)}"
    slices = () if found is None else tuple(found[1].slices.values())
    return [model.say("alert", at, version, rule, "info", None, reason=reason, slices=slices, acked=True)]


def _refused(model: Model, at: PaneContext, refusals: Sequence[Refusal]) -> ControlEvent:
    """Return the alert about commands refused for one reason: one a pane, so that a flood of them floods nobody."""
    first = refusals[0]
    count = sum(refusal.count for refusal in refusals)
    many = "a command was" if count == 1 else f"{count} commands were"
    unclaimed = first.reason == UNCLAIMED
    # Of several models that no policy takes, one may be known from before, and another mistyped.
    details = [*dict.fromkeys(refusal.detail for refusal in refusals)][: DETAILS_MAX if unclaimed else 1]
    where = f"{first.source} at {first.position}, item {first.item}"
    reason = f"{many} refused ({first.reason}): {'; '.join(details)}; {where}"
    # The command may be for another worker; and a silence that is over does no harm.
    severity: Severity = "info" if first.reason in (UNCLAIMED, OVER) else "ticket"
    return model.say("alert", at, "", f"commands:{first.reason}", severity, None, reason=reason)
