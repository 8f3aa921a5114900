"""Versions that people take out, and pins that they set and lift: by command what rules otherwise do."""

from collections.abc import Sequence

from operators.release.cause import Cause
from operators.release.machine import lift, unreleased
from operators.release.model import Model, PaneContext
from operators.release.refuge import fallback_of, others_serve, usual_refuge
from operators.release.rollback import share_of, take_out
from operators.release.unpinned import forget_harm
from operators.release.weighing import by_own_weights
from operators.release.withdrawal import shelve
from operators.wire.commands import Command, Kill, Pin, Rollback, Unpin
from operators.wire.control import ControlEvent, Evidence, Severity

RUNBOOK = "infra/runbooks/overrides.md"
WITHDRAWN = "commands:withdrawn"  # The answer to a command that sends traffic to a withdrawn version.


ByHand = Kill | Rollback | Pin | Unpin


def do_by_hand(model: Model, at: PaneContext, command: ByHand) -> ControlEvent:
    """Carry out a command, or say why not."""
    if isinstance(command, Pin):
        return _pin(model, at, command)
    if isinstance(command, Unpin):
        return _unpin(model, at, command)
    return _take_out(model, at, command)


def by(command: Command) -> str:
    """Return the command and its author, as words of a reason."""
    return f"command {command.id}" + (f" by {command.by}" if command.by else "")


def _take_out(model: Model, at: PaneContext, command: Kill | Rollback) -> ControlEvent:
    """Withdraw a version, even one that an override lets run, or that was withdrawn for another reason.

    Whether it helped depends on two things: the version's traffic goes away, and no rule is BAD on what serves then.
    """
    version, refuge, reason = command.version, None, by(command)
    release = model.releases.get(version) or unreleased(version, at.pane)
    if isinstance(command, Rollback):
        refuge = command.to or usual_refuge(model, at, release)
        why = f"there is nothing to go back from {version} to: say which (--to)" if refuge is None else None
        if refuge is not None and _is_withdrawn(model, refuge):
            why = f"{refuge} was withdrawn itself"
        if why is not None:
            sentence = f"the rollback is not possible: {why}; {reason}"
            return model.say("alert", at, version, WITHDRAWN, "ticket", None, reason=sentence, runbook=RUNBOOK)
    rule = f"commands:{command.__struct_config__.tag}"
    cause = Cause(rule=rule, runbook=RUNBOOK, slices=(), evidence=Evidence(), by_hand=True)
    kind, lifts = take_out(model, at, release, cause, refuge)
    alone = model.writer.pin is None and not others_serve(model, at, version)
    # A mistyped name takes nothing out; a refuge may be rules that only the gateway knows.
    unseen = [name for name in (version, refuge) if name is not None and name not in model.served]
    reason = "; ".join([*_not_served(model, unseen), *["no other version serves"] * alone, reason])
    severity: Severity = "ticket" if _mistyped(model, at, unseen) else "info"
    if alone and share_of(model, at, version):
        severity = "page"  # Nobody is served any more, and no rule can show it: there are no requests to judge.
    event = model.say(kind, at, version, rule, severity, release, reason=reason, runbook=RUNBOOK, lifts=lifts)
    if version in unseen:
        shelve(model, release, at.ts)
    return event


def _not_served(model: Model, names: Sequence[str]) -> list[str]:
    """Return, as words of a reason, that these names have not served, or that the model itself has not."""
    never = [f"{name} has not served" for name in names]
    return [*never, f"nobody has heard of {model.writer.model}"] if never and not model.served else never


def _mistyped(model: Model, at: PaneContext, unseen: Sequence[str]) -> bool:
    """Tell whether one of these names, which have not served, is no refuge that the policy names either."""
    named = {fallback_of(rule, at.policy.releases, model.writer.model) for rule in (None, *at.policy.rules)}
    return not named.issuperset(unseen)


def _pin(model: Model, at: PaneContext, command: Pin) -> ControlEvent:
    """Send all traffic to a version, unless it was withdrawn."""
    version = command.version
    if _is_withdrawn(model, version):
        sentence = f"{version} was withdrawn and cannot be pinned: release it again, or override; {by(command)}"
        return model.say("alert", at, version, WITHDRAWN, "ticket", None, reason=sentence, runbook=RUNBOOK)
    model.pin_to(version)
    unseen = [version] if version not in model.served else []
    reason = "; ".join([f"all traffic goes to {version}", *_not_served(model, unseen), by(command)])
    severity: Severity = "ticket" if _mistyped(model, at, unseen) else "info"
    return model.say("alert", at, version, "commands:pin", severity, None, reason=reason, runbook=RUNBOOK)


def _unpin(model: Model, at: PaneContext, command: Unpin) -> ControlEvent:
    """Let traffic go to all versions that are not withdrawn, by the gateways' own weights.

    This also lifts a pin from another worker, of which this one knows nothing: gateways still hold it.
    """
    pin = model.writer.pin
    reason = f"there is no pin to lift here; {by(command)}" if pin is None else lift(model, by(command))
    serve = [name for name in model.barred if share_of(model, at, name)]
    still = f"{' and '.join(serve)} still serve{'s' * (len(serve) == 1)}: no pin again unless harm is found anew"
    reason = "; ".join([reason, *([still] if serve else []), *by_own_weights(model, "")])
    model.unpinned = at.ts
    forget_harm(model)
    return model.say("alert", at, pin or "", "commands:unpin", "info", None, reason=reason, runbook=RUNBOOK, lifts=True)


def _is_withdrawn(model: Model, version: str) -> bool:
    release = model.releases.get(version)
    return release is not None and release.withdrawn
