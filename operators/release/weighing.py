"""The shares of traffic after a promotion, by version, until a release or an override changes them."""

from collections.abc import Mapping

from operators.release.model import Model
from operators.wire.commands import Release

DIGITS = 4  # Of a share.
BY_OWN = "gateways split the traffic by their own weights again"


def take_over(model: Model, version: str, others: Mapping[str, float]) -> None:
    """Give a promoted version all traffic but the shares of others whose releases go on."""
    kept = {name: round(share, DIGITS) for name, share in others.items()}
    rest = round(1.0 - sum(kept.values()), DIGITS)
    # Its share is unknown if the others had all traffic.
    model.promoted = {**{name: share for name, share in kept.items() if share}, version: rest} if rest > 0 else {}


def give_back(model: Model, version: str) -> None:
    """Give the share of a withdrawn version to the pinned one, or to the others where none is pinned."""
    pin = model.writer.pin
    share = model.promoted.pop(version, 0.0)
    if pin is not None and pin not in model.promoted:
        model.promoted = {}
    elif pin is not None:
        model.promoted[pin] += share
    else:
        _scale(model, 1.0)


def make_room(model: Model, declared: Release) -> list[str]:
    """Give a candidate its declared share of the traffic that a promotion gave to others; return words that say so.

    Without a declared share gateways go by their own weights again.
    """
    share, candidate = declared.traffic_share, declared.candidate
    if not model.promoted or share is None:
        return by_own_weights(model, candidate)
    before, model.promoted = model.promoted, {name: each for name, each in model.promoted.items() if name != candidate}
    if declared.baseline not in model.promoted:
        model.promoted = {declared.baseline: 1.0}
    _scale(model, 1.0 - share)
    model.promoted[candidate] = share
    return [] if model.promoted == before else [f"{candidate} gets {share:g} of the traffic"]


def by_own_weights(model: Model, version: str) -> list[str]:
    """End the shares of a promotion if they leave nothing for a version that may serve; return the words on it."""
    if not model.promoted or version in model.promoted:
        return []
    model.promoted = {}
    return [BY_OWN]


def _scale(model: Model, total: float) -> None:
    """Scale the shares so that they add up to `total`."""
    now = sum(model.promoted.values())
    model.promoted = {name: round(each * total / now, DIGITS) for name, each in model.promoted.items() if now}
