"""Targets of versions: a rule on a share of good events may hold some versions to a target of their own.

The target is what the rule's `targets` say for the exact name of a version; else, with `release_targets`, what the
version's release said; else what `targets` say for a pattern that fits, or `target`.

It is kept by slot in the field `TARGET`. It follows from the rule, the releases and the names of series, so it is
never saved for its own sake, and is 0 for a slot that is new, or taken anew, until its name is looked at.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.policy.globs import covers, is_pattern
from operators.policy.place import TablePlace
from operators.policy.rules import Scope
from operators.rules.series_state import SeriesState
from operators.window.series_index import SliceSeries

TARGET = ("target", "f8")
Declared = Mapping[tuple[str, str], Mapping[str, float]]  # By model and version, the targets of SLIs from its release.


class HasTargets(Protocol):
    """A rule on a share of good events, with the targets of some versions, by name or pattern."""

    @property
    def target(self) -> float: ...

    @property
    def targets(self) -> Mapping[str, float]: ...

    @property
    def release_targets(self) -> bool: ...

    @property
    def sli(self) -> str: ...

    @property
    def scope(self) -> Scope: ...


class HeldToTargets:
    """An evaluator of a rule that may take targets from releases: `_declared` are the current ones."""

    rule: Any
    _declared: Declared = MappingProxyType({})
    still: bool | None
    _series_state: SeriesState

    def retarget(self, declared: Declared, names: Sequence[SliceSeries]) -> None:
        """Hold versions to the targets of their releases from now on."""
        self._declared = declared
        kept = self._series_state.kept
        before = kept["target"].copy()
        kept["target"] = 0
        fill_targets(kept, self.rule, names, declared)
        changed = np.flatnonzero(kept["target"] != before)
        if len(changed):
            self.still = False
            self._compare(changed)

    def _compare(self, slots: Ints) -> None:
        """Compare slots with their targets, in evaluators that do not do so with each pane."""


def has_targets(rule: HasTargets) -> bool:
    """Tell whether versions may have targets of their own."""
    return bool(rule.targets) or rule.release_targets


def target_of(rule: HasTargets, model: str, version: str, declared: Declared) -> float:
    """Return the target of a version of a model."""
    if version in rule.targets:
        return rule.targets[version]
    of_release = declared.get((model, version), {}).get(rule.sli)
    if rule.release_targets and of_release is not None:
        return of_release
    return next((target for pattern, target in rule.targets.items() if fnmatchcase(version, pattern)), rule.target)


def fill_targets(kept: NDArray[Any], rule: HasTargets, names: Sequence[SliceSeries], declared: Declared) -> None:
    """Look up the targets of slots that have none yet, in place."""
    if has_targets(rule):
        for slot in np.flatnonzero(kept["target"] == 0).tolist():
            kept["target"][slot] = target_of(rule, names[slot].model, names[slot].version, declared)


def targets_at(kept: NDArray[Any], rule: HasTargets) -> Floats | float:
    """Return the target of each row, (K,), or the one of all."""
    return kept["target"] if has_targets(rule) else rule.target


def check_targets(rule: HasTargets, place: TablePlace) -> None:
    """PolicyError for targets of versions where all are judged together, and for targets that no version ever has."""
    if rule.scope == "model" and has_targets(rule):
        key = "targets" if rule.targets else "release_targets"
        raise place.refuse(key, 'has no meaning with scope = "model": all versions are judged together')
    patterns = [name for name in rule.targets if is_pattern(name)]
    for index, pattern in enumerate(patterns):
        for before in patterns[:index]:
            if covers(before, pattern) and rule.targets[before] != rule.targets[pattern]:
                allowed = f"holds no version: {before!r} before it fits all that it fits; put it first"
                raise place.refuse(f"targets.{pattern}", allowed, rule.targets[pattern])


def targets_in_words(rule: HasTargets) -> str:
    """Return the targets of single versions, in words, for `rollguard check`."""
    named = "".join(f", {target:.6g} of {version}" for version, target in rule.targets.items())
    return named + (", or as a version's release says" if rule.release_targets else "")
