"""Answers to commands that change nothing, or name something unknown: silence would look like success.

And to a silence, as whoever it keeps from hearing of harm should know of it.
"""

from collections.abc import Collection

from operators.policy.rules import INPUT, RESERVED
from operators.release.alerts import EVENTS_MAX, Key
from operators.release.model import Model, PaneContext
from operators.texts import clock
from operators.wire.commands import Ack, Silence, Unsilence
from operators.wire.control import ControlEvent
from operators.wire.events import ms_of

OWN = tuple(f"{name}:" for name in ("commands", "limits", INPUT))  # Alerts of no rule.


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
    """Return the events of an incident that somebody may name, the newest, with one more."""
    return (*events, event)[-EVENTS_MAX:]


def is_rule(name: str | None, rules: Collection[str]) -> bool:
    """Tell whether something is called so that alerts may be of; None is all of them."""
    return name is None or name in RESERVED or name in rules or name.startswith(OWN)


def silence_begun(model: Model, at: PaneContext, silence: Silence, by: str) -> list[ControlEvent]:
    """Tell what is muted, or that the policy has no such rule, or that nobody has heard of the model; muted it is.

    Where all models are meant that is said once, in the name of none (`waiting_commands.py`).
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
    """Tell that a silence is ended, or that there was none."""
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
