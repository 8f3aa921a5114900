"""What holds for a model at a gateway, and how a control event changes it."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from operators.wire.control import VERSIONS_MAX
from operators.wire.weights import capped, is_whole

Weights = Mapping[str, Annotated[float, Meta(ge=0, le=1)]]


class RoutingState(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a model since control event `event`, of time `ts` [Unix ms].

    `weights` are the shares that versions must get (`operators/wire/weights.py`); those not named by caps are free.
    `pin` is the version that gets what others must not have: all traffic where there are no weights. Versions `killed`
    or `barred` must get none, and those `throttled` less than they would; all are empty in ordinary times.
    """

    revision: int
    event: str
    type: str
    ts: int
    pin: str | None = None
    killed: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()
    weights: Weights = {}

    @property
    def excluded(self) -> tuple[str, ...]:
        """The versions that must get no traffic, whatever else is said."""
        return (*self.killed, *self.barred)

    @property
    def orders(self) -> tuple[object, ...]:
        """What a gateway has to obey."""
        return self.pin, self.killed, self.throttled, self.barred, self.weights


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a control event that a standing depends on: a type that is not known yet has it as well."""

    id: str
    revision: int
    type: str
    ts: int
    model: str
    version: str
    rule: str = ""
    state: str = "firing"
    pin: str | None = None
    barred: tuple[str, ...] = ()
    lifts: bool | None = None
    weights: Weights = {}


# Before anything was said of a model.
NOTHING = RoutingState(revision=-1, event="", type="", ts=0)


def after(before: RoutingState, told: Told) -> RoutingState:
    """Return what holds after an event."""
    return RoutingState(
        revision=told.revision,
        event=told.id,
        type=told.type,
        ts=told.ts,
        pin=told.pin or (None if _lifts(told, before.pin) else before.pin),
        killed=_changed(before.killed, told, "kill"),
        throttled=_changed(before.throttled, told, "throttle"),
        barred=_barred(before.barred, told),
        weights=_weights(before.weights, told),
    )


def _lifts(told: Told, pin: str | None) -> bool:
    """Tell whether a pin ends that an event does not name: also if the event withdraws that very version."""
    return _frees(told) or pin in told.barred or (told.lifts is None and told.type == "kill")


def _frees(told: Told) -> bool:
    """Tell whether the version that an event is about may serve again."""
    if told.lifts is not None:
        return told.lifts
    # An older worker said so by type, and of commands by an alert whose rule is the command's name.
    return told.type == "promote" or (told.rule in ("override", "release") and told.state == "firing")


def _barred(versions: tuple[str, ...], told: Told) -> tuple[str, ...]:
    """Return the versions that are barred after an event: those before it, too, which a new worker does not know."""
    freed = {told.pin, told.version} if _frees(told) else {told.pin}
    kept = [version for version in versions if version not in freed and version not in told.barred]
    return (*kept, *(version for version in told.barred if version != told.pin))[-VERSIONS_MAX:]


def _changed(versions: tuple[str, ...], told: Told, kind: str) -> tuple[str, ...]:
    """Return the versions that are killed, or throttled, after an event."""
    others = tuple(version for version in versions if version != told.version)
    if told.type == kind and told.state == "firing":
        return (*others, told.version)[-VERSIONS_MAX:]
    # A version that was rolled back gets no traffic to be throttled.
    if _frees(told) or told.type == kind or (told.type == "rollback" and kind == "throttle"):
        versions = others
    # What traffic must go to cannot be forbidden it.
    return tuple(version for version in versions if version != told.pin)


def _weights(weights: Weights, told: Told) -> Weights:
    """Return the weights after an event: its own where it pins, lifts or names all shares.

    Any other leaves what it does not know of, as a worker does that has begun anew.
    """
    if told.pin is not None or _frees(told) or is_whole(told.weights):
        return told.weights
    if told.type == "throttle" and told.state == "resolved":
        weights = {version: weight for version, weight in weights.items() if version != told.version}
    if is_whole(weights):
        return capped(weights, told.weights)
    return dict([*{**weights, **told.weights}.items()][-VERSIONS_MAX:])
