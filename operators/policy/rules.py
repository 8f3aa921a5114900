"""The rules of a policy, typed: what turns counts into verdicts, and what a BAD verdict leads to."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from operators.wire.control import Severity

Action = Literal["alert", "hold", "throttle", "rollback", "kill"]
Scope = Literal["version", "model"]
Statistic = Literal["mean", "p50", "p90", "p95", "p99", "per_1k"]
Fallback = str  # "hold", "kill", or the name of what traffic goes to: a version, or what the gateway knows by it.
WithoutData = Literal["hold", "promote"]
# Names under which rollguard itself speaks; of older workers gateways read what lifts a pin by them.
INPUT = "input"
RESERVED = ("release", "override", "traffic-split", "commands", INPUT)
MATURITY_PANES_MAX = 100_000  # The lag of a label is told apart up to some more (`operators/window/label_ages.py`).
Grain = tuple[int, ...]  # A reported slice as indices into the policy's dimensions; () is `*`.
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: it is judged on each slice of its `grains`, of each version, or of all versions together.

    `fallback` is where traffic goes if a version that is rolled back has no fit baseline, or "hold" or "kill".
    """

    name: str
    action: Action = "alert"
    severity: Severity = "ticket"
    grains: tuple[Grain, ...] = ((),)
    scope: Scope = "version"
    fallback: Fallback = "hold"
    runbook: str = ""


class Threshold(Rule, frozen=True, kw_only=True):
    """The good ratio of `sli` over `window_ms` is below `target` for all of `for_ms`, at `confidence`."""

    sli: str
    target: float
    window_ms: int
    for_ms: int = 0
    confidence: float = 0.99


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Burning `factor` times the budget over both windows; `severity` of what is said then."""

    factor: float
    long_ms: int
    short_ms: int
    severity: Severity


class BurnRate(Rule, frozen=True, kw_only=True):
    """The error budget of `target` over `period_ms` is being spent too fast, in one of the tiers."""

    sli: str
    target: float
    period_ms: int
    tiers: tuple[Tier, ...]
    confidence: float = 0.99


class MeasureRule(Rule, frozen=True, kw_only=True):
    """A statistic of `measure` over `window_ms` is above `at_most` or below `at_least` for all of `for_ms`.

    `per_1k` is the sum over a thousand events. Fewer than `n_min` values are too few to judge. Beyond a limit is what
    one-sided bounds at `confidence` call so.
    """

    measure: str
    statistic: Statistic
    window_ms: int
    at_most: float | None = None
    at_least: float | None = None
    for_ms: int = 0
    n_min: int = 100
    confidence: float = 0.99


class Absence(Rule, frozen=True, kw_only=True):
    """A series that had traffic has had none for `after_ms` of event time."""

    after_ms: int


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of a candidate may be larger than the baseline's by `tolerance`: at a quantile, None for the mean."""

    name: str
    quantile: float | None
    tolerance: float


class Canary(Rule, frozen=True, kw_only=True):
    """The candidate of a release is worse than its baseline on one of `slis` or `measures`.

    Worse: its odds of a bad event are more than `tolerance` times the baseline's, and its ratio of bad events more than
    `tolerance_points` above. `alpha` is the chance of ever saying so wrongly, for the whole release, while failures
    come one by one; a burst of failures that lasts up to `blip_ms` decides nothing (0: every pane counts in full).

    It may be promoted when it is surely not worse by `margin` times the odds, or not by `margin_points`, and on no
    slice with at least `slice_share` of its events by `slice_margin` or `slice_margin_points`: better on the whole may
    be far worse for some. A BAD slice leads to `slice_action`.

    Values of `measures` are bad that exceed what the baseline's own did before (`operators/rules/exceeding.py`).
    A candidate of which an SLI or a measure has no data at all is not promoted, unless `without_data` says so.

    Labels are compared by when their requests were made, as far as they had come `maturity_ms` later; None: by the age
    at which nine in ten of the baseline's have come (`operators/rules/label_delays.py`).

    A candidate that replaced its baseline at once is compared with what that had in its last hours. `cutover_action`
    follows where its odds of a bad event are surely more than `cutover_tolerance` times, and its ratio of bad events
    more than `cutover_points` above, the worst of those (`operators/release/cutover.py`).
    """

    slis: tuple[str, ...]
    alpha: float = 0.05
    tolerance: float = 1.0
    tolerance_points: float = 0.0
    margin: float = 1.5
    margin_points: float = 0.001
    slice_margin: float = 3.0
    slice_margin_points: float = 0.1
    slice_share: float = 0.05
    slice_action: Action = "hold"
    measures: tuple[Compared, ...] = ()
    without_data: WithoutData = "hold"
    blip_ms: int = 60_000
    maturity_ms: int | None = None
    cutover_action: Action = "rollback"
    cutover_tolerance: float = 3.0
    cutover_points: float = 0.05


class DriftRule(Rule, frozen=True, kw_only=True):
    """One of `monitors` has found drift on a slice; it listens to those of its `grains` that a monitor watches.

    Drift says that the world, the inputs or the judge changed, not that a version is worse: by itself it holds a
    promotion, and rolls nothing back.
    """

    monitors: tuple[str, ...]
    action: Action = "hold"


AnyRule = Threshold | BurnRate | MeasureRule | Absence | Canary | DriftRule


def compared(rules: Sequence[AnyRule]) -> frozenset[str]:
    """Return the names of the SLIs that canary rules compare."""
    return frozenset(name for rule in rules if isinstance(rule, Canary) for name in rule.slis)
