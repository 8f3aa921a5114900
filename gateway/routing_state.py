"""The routing of a model at a gateway, and how a control event changes it."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from operators.wire.control import VERSIONS_MAX
from operators.wire.weights import capped, is_whole

Weights = Mapping[str, Annotated[float, Meta(ge=0, le=1)]]


class RoutingState(msgspec.Struct, frozen=True, kw_only=True):
    """The routing of a model since control event `event`, of time `ts` [Unix ms].

    `weights` are the shares that versions must get (`operators/wire/weights.py`); versions that caps do not name have
    no limit. `pin` is the version that gets what others must not have: all traffic where there are no weights. Versions
    `killed` or `barred` must get none, those `throttled` less than normal; all are empty in ordinary times.
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
        """The versions that must get no traffic, whatever the weights or the pin."""
        return (*self.killed, *self.barred)

    @property
    def orders(self) -> tuple[object, ...]:
        """What a gateway has to obey."""
        return self.pin, self.killed, self.throttled, self.barred, self.weights


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a control event that routing depends on; events of unknown types have it too."""

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


# Before a model's first event.
NOTHING = RoutingState(revision=-1, event="", type="", ts=0)


def after(before: RoutingState, change: Change) -> RoutingState:
    """Return the routing after an event."""
    return RoutingState(
        revision=change.revision,
        event=change.id,
        type=change.type,
        ts=change.ts,
        pin=change.pin or (None if _lifts(change, before.pin) else before.pin),
        killed=_changed(before.killed, change, "kill"),
        throttled=_changed(before.throttled, change, "throttle"),
        barred=_barred(before.barred, change),
        weights=_weights(before.weights, change),
    )


def _lifts(change: Change, pin: str | None) -> bool:
    """Tell whether an event ends a pin that it does not name: also by withdrawing the pinned version."""
    return _frees(change) or pin in change.barred or (change.lifts is None and change.type == "kill")


def _frees(change: Change) -> bool:
    """Tell whether the version that an event is about may serve again."""
    if change.lifts is not None:
        return change.lifts
    # An older worker says so by the type, and for commands by an alert whose rule is the command's name.
    return change.type == "promote" or (change.rule in ("override", "release") and change.state == "firing")


def _barred(versions: tuple[str, ...], change: Change) -> tuple[str, ...]:
    """Return the versions barred after an event, including earlier ones, which a new worker does not know."""
    freed = {change.pin, change.version} if _frees(change) else {change.pin}
    kept = [version for version in versions if version not in freed and version not in change.barred]
    return (*kept, *(version for version in change.barred if version != change.pin))[-VERSIONS_MAX:]


def _changed(versions: tuple[str, ...], change: Change, kind: str) -> tuple[str, ...]:
    """Return the versions that are killed, or throttled, after an event."""
    others = tuple(version for version in versions if version != change.version)
    if change.type == kind and change.state == "firing":
        return (*others, change.version)[-VERSIONS_MAX:]
    # A version that was rolled back has no traffic to throttle.
    if _frees(change) or change.type == kind or (change.type == "rollback" and kind == "throttle"):
        versions = others
    # The version that traffic must go to cannot be without it.
    return tuple(version for version in versions if version != change.pin)


def _weights(weights: Weights, change: Change) -> Weights:
    """Return the weights after an event: its own where it pins, lifts or names all shares.

    Any other event leaves weights that it does not know of, as it may come from a worker that has begun anew.
    """
    if change.pin is not None or _frees(change) or is_whole(change.weights):
        return change.weights
    if change.type == "throttle" and change.state == "resolved":
        weights = {version: weight for version, weight in weights.items() if version != change.version}
    if is_whole(weights):
        return capped(weights, change.weights)
    return dict([*{**weights, **change.weights}.items()][-VERSIONS_MAX:])
