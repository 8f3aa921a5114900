"""Gives a policy's slice dimensions the order that they had before, without a change of meaning.

A slice's name lists its dimensions in this order, which must stay the same for as long as rules, alerts and tables
know slices by these names.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from operators.policy.monitors import Monitor
from operators.policy.policy import Policy
from operators.policy.rules import Grain, Rule
from operators.policy.sli import Sli

T = TypeVar("T", Rule, Monitor)


def ordered_as(dimensions: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """Return the dimensions, with those that existed before in the order that they had then.

    >>> ordered_as(["segment", "team", "region"], ["region", "segment"])
    ('region', 'team', 'segment')
    """
    stayed = iter([name for name in before if name in dimensions])
    return tuple(next(stayed) if name in before else name for name in dimensions)


def reordered(policy: Policy, dimensions: tuple[str, ...]) -> Policy:
    """Return a policy with its slice dimensions in another order."""
    if dimensions == policy.dimensions:
        return policy
    place = [dimensions.index(name) for name in policy.dimensions]
    reports = {
        window: tuple(msgspec.structs.replace(each, grains=_moved(each.grains, place)) for each in some)
        for window, some in policy.reports.items()
    }
    singly, crosses = policy.grains[: 1 + len(place)], policy.grains[1 + len(place) :]
    return msgspec.structs.replace(
        policy,
        dimensions=dimensions,
        grains=(*singly, *_moved(crosses, place)),
        reports=reports,
        slis=tuple(_moved_sli(sli, place) for sli in policy.slis),
        rules=tuple(_moved_rule(rule, place, dimensions) for rule in policy.rules),
        monitors=tuple(_with_grains(each, place) for each in policy.monitors),
    )


def _moved(grains: Sequence[Grain], place: Sequence[int]) -> tuple[Grain, ...]:
    return tuple(tuple(sorted(place[index] for index in grain)) for grain in grains)


def _with_grains(each: T, place: Sequence[int]) -> T:
    return msgspec.structs.replace(each, grains=_moved(each.grains, place))


def _moved_rule(rule: Rule, place: Sequence[int], dimensions: Sequence[str]) -> Rule:
    named = tuple(tuple(sorted(each, key=lambda pair: dimensions.index(pair[0]))) for each in rule.named)
    return msgspec.structs.replace(_with_grains(rule, place), named=named)


def _moved_sli(sli: Sli, place: Sequence[int]) -> Sli:
    """Return an SLI with its slices under new dimension numbers; SLIs that others are made of have no slices."""
    places = tuple(tuple(sorted((place[index], value) for index, value in each)) for each in sli.places)
    return msgspec.structs.replace(sli, places=places)
