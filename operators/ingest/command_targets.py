"""Targets of versions in a release command's metadata: why a command is refused for them."""

import math
from collections.abc import Mapping, Sequence

from operators.policy.policy import Policy
from operators.policy.rules import Rule
from operators.texts import DETAIL_MAX, cut
from operators.wire.commands import ARMS, TARGETS, Release

ENTRIES_MAX = 100  # Per version.


def targets_fault(release: Release, policy: Policy) -> str | None:
    """Return what is wrong with the targets of a release, or with metadata that is no text or number; None if nothing.

    For a model that no policy takes nothing can be checked: its targets have no effect.
    """
    if release.targets:
        return "targets of versions stand in metadata: {candidate: {targets: {SLI: 0.97}}}"
    own = policy.of(release.model)
    for arm in ARMS:
        for name, value in release.metadata.get(arm, {}).items():
            if name != TARGETS:
                why = "must be a text or a number" if isinstance(value, dict) else None
            else:
                why = None if own is None else _fault(value, own.rules)
            if why is not None:
                return cut(f"metadata {arm}.{name}: {why}", DETAIL_MAX)
    return None


def _fault(targets: object, rules: Sequence[Rule]) -> str | None:
    """Return what is wrong with the targets of one version."""
    heeding = [rule for rule in rules if rule.release_targets]
    if not isinstance(targets, Mapping):
        return "must be an object of SLIs and their targets" if heeding else None
    if len(targets) > ENTRIES_MAX:
        return f"has {len(targets)} entries, and may have {ENTRIES_MAX}"
    return next((why for sli, target in targets.items() if (why := _fault_of(sli, target, heeding))), None)


def _fault_of(sli: str, target: object, heeding: Sequence[Rule]) -> str | None:
    about = [rule for rule in heeding if sli in rule.sli_names]
    if not about:
        known = ", ".join(sorted({name for rule in heeding for name in rule.sli_names})) or "there are none"
        return f"no rule with release_targets is about {sli!r} ({known})"
    if isinstance(target, bool) or not isinstance(target, int | float) or not math.isfinite(target):
        return f"{sli} = {target!r} is no number"
    if not 0 < target < 1:
        return f"{sli} = {target!r} must be between 0 and 1, exclusive"
    strict = next((rule for rule in about if target <= rule.target_least), None)
    if strict is None:
        return None
    return f"{sli} = {target!r} must be above {strict.target_least:.4g}: else rule {strict.name} never fires"
