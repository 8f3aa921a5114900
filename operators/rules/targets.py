"""Targets of versions: a rule on a share of good events may hold some versions to a target of their own.

What is kept of them by slot is `TARGET`; it follows from the rule and the names of series, so that it is never saved
for its own sake, and a slot that is new, or taken anew, has 0 there until its name is looked at.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats
from operators.policy.place import TablePlace
from operators.policy.rules import Scope
from operators.window.series_index import SliceSeries

TARGET = ("target", "f8")


class HasTargets(Protocol):
    """A rule on a share of good events, with the targets of some versions, by name or pattern."""

    @property
    def target(self) -> float: ...

    @property
    def targets(self) -> Mapping[str, float]: ...

    @property
    def scope(self) -> Scope: ...


def target_of(rule: HasTargets, version: str) -> float:
    """Return what a version is held to: by its name, else by the first pattern that fits, else as all are."""
    if version in rule.targets:
        return rule.targets[version]
    return next((target for pattern, target in rule.targets.items() if fnmatchcase(version, pattern)), rule.target)


def fill_targets(kept: NDArray[Any], rule: HasTargets, names: Sequence[SliceSeries]) -> None:
    """Look up the targets of slots that have none yet, in place."""
    if rule.targets:
        for slot in np.flatnonzero(kept["target"] == 0).tolist():
            kept["target"][slot] = target_of(rule, names[slot].version)


def targets_at(kept: NDArray[Any], rule: HasTargets) -> Floats | float:
    """Return the target of each row, (K,), or that of all."""
    return kept["target"] if rule.targets else rule.target


def check_targets(rule: HasTargets, place: TablePlace) -> None:
    """Refuse targets of versions where all are judged together. PolicyError."""
    if rule.targets and rule.scope == "model":
        raise place.refuse("targets", 'has no meaning with scope = "model": all versions are judged together')
