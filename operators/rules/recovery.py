"""How a rollback is known to have helped, by the kind of rule that asked for it: every kind must say.

Where one bad ratio is well and another is harm, what serves now is tested against both
(`operators/stats/recovery_test.py`). Otherwise the rule itself must call it OK, for as long as its proof took; not
being called BAD proves nothing.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from operators.policy.rules import Rule
from operators.wire.control import Evidence

R = TypeVar("R", bound=Rule)


class BadRatios(NamedTuple):
    """The ratio of bad events that was found, and one that would be well; both strictly between 0 and 1."""

    harm: float
    well: float


Recovery = Callable[[R, Evidence], BadRatios | None]


class HasTarget(Protocol):
    """A rule on a share of good events."""

    @property
    def target(self) -> float: ...


def by_arms(rule: Rule, evidence: Evidence) -> BadRatios | None:
    """Return the bad ratios of candidate and baseline: the baseline's is the one that is well."""
    candidate, baseline = evidence.candidate, evidence.baseline
    if candidate is None or baseline is None:
        return None
    harm, well = inner(candidate.good, candidate.bad), inner(baseline.good, baseline.bad)
    # The plain ratios of all events may hide what shows at the same mix of slices.
    return BadRatios(max(harm, min(well + (evidence.value or 0.0), (1 + well) / 2)), well)


def by_threshold(rule: HasTarget, evidence: Evidence) -> BadRatios | None:
    """Return the bad ratio that was found, and the one that the target allows: its version's own, if any."""
    if evidence.good is None or evidence.bad is None:
        return None
    target = rule.target if evidence.threshold is None else evidence.threshold
    return BadRatios(inner(evidence.good, evidence.bad), 1.0 - target)


def by_verdict(rule: Rule, evidence: Evidence) -> None:
    """Return None, as there is no ratio to test: for rules on values, on traffic, or on findings of monitors."""


def inner(good: int, bad: int) -> float:
    """Return the ratio of bad events, kept off 0 and 1."""
    return (bad + 0.5) / (good + bad + 1)
