"""Answers to commands that change nothing, or name something unknown: silence would look like success.

A silence is answered, too, so that everybody it keeps from hearing of harm can know about it.
"""

from collections.abc import Collection

from operators.policy.rules import INPUT, RESERVED
from operators.release.alerts import EVENTS_MAX, Key
from operators.release.model import Model, PaneContext
from operators.texts import clock
from operators.wire.commands import Ack, Silence, Unsilence
from operators.wire.control import ControlEvent
from operators.wire.events import ms_of

OWN = tuple(f"{name}:" for name in ("commands", "limits", INPUT))  # Alerts that come from no rule.


def answer(model: Model, at: PaneContext, kind: str, version: str, reason: str) -> ControlEvent:
    """Say why a command has no effect, or less than was meant."""
    return model.say("alert", at, version, f"commands:{kind}", "info", None, reason=reason)


def known_by(model: Model, ack: Ack) -> Key | None:
    """Return rule and version of the open incident to which the acknowledged event belongs, None if to none."""
    for (_, version), incident in model.incidents.items():
        if ack.event in incident.events:
            return incident.rule, version
    return None


def remember(events: tuple[str, ...], event: str) -> tuple[str, ...]:
    """Return the events of an incident that may be acknowledged, the newest, with one more."""
    return (*events, event)[-EVENTS_MAX:]


def is_rule(name: str | None, rules: Collection[str]) -> bool:
    """Tell whether alerts may have this rule name; None stands for all of them."""
    return name is None or name in RESERVED or name in rules or name.startswith(OWN)


def silence_begun(model: Model, at: PaneContext, silence: Silence, by: str) -> list[ControlEvent]:
    """Return an event on what is muted; or, though it is muted, that the rule or the model is unknown.

    For a silence of all models there is one event, under the model name "" (`waiting_commands.py`).
    """
    if silence.model != model.writer.model:
        return []
    events = []
    if not is_rule(silence.rule, {rule.name for rule in at.policy.rules}):
        reason = f"muted, but the policy has no rule {silence.rule}; {by}"
        events.append(answer(model, at, "no_rule", "", reason))
    if silence.model and not (model.served or model.releases or model.alerts.firing):
        events.append(answer(model, at, "no_model", "", f"muted, but nobody has heard of {silence.model}; {by}"))
    until = clock(ms_of(silence.until))
    return events or [answer(model, at, "silence", "", f"{_what(silence)} is muted until {until}; {by}")]


def silence_ended(
    model: Model, at: PaneContext, unsilence: Unsilence, by: str, *, there_was: bool
) -> list[ControlEvent]:
    """Return an event that a silence has ended, or that there was none."""
    if unsilence.model != model.writer.model:
        return []
    if there_was:
        return [answer(model, at, "unsilence", "", f"{_what(unsilence)} is muted no longer; {by}")]
    of = f"of {unsilence.model}" if unsilence.model else "of all models"
    rule = f" and rule {unsilence.rule}" if unsilence.rule else " and all rules"
    return [answer(model, at, "no_silence", "", f"nothing was ended: there is no silence {of}{rule}; {by}")]


def _what(command: Silence | Unsilence) -> str:
    rule = f"rule {command.rule}" if command.rule else "every rule"
    return f"{rule} on {command.model or 'all models'}"
