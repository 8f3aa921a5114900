"""Slices of an alert that is repeated, with the evidence of this pane; the first event has that of the beginning."""

from collections.abc import Sequence

import msgspec

from operators.release.alerts import compared_of
from operators.release.model import PaneContext
from operators.wire.control import Affected


def renewed(at: PaneContext, rule: str, version: str, slices: Sequence[Affected]) -> tuple[Affected, ...]:
    """Return slices with the present evidence, as far as the rule has any."""
    return tuple(_renewed(at, rule, version, each) for each in slices)


def _renewed(at: PaneContext, rule: str, version: str, affected: Affected) -> Affected:
    # A comparison with the past has no present numbers of a rule.
    if affected.verdict not in ("BAD", "STALE") or affected.evidence.historical:
        return affected
    _, evidence = at.current(rule, version, affected.slice, compared_of(affected))
    return affected if evidence is None else msgspec.structs.replace(affected, evidence=evidence)
