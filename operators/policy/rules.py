"""What all rules of a policy have in common: how counts become verdicts, and what a BAD verdict leads to.

The kinds are in `operators/rules`, a file each. Here is what other code may ask any rule, and the three families: rules
that judge each series by itself, rules that compare the versions of a release, and rules that listen to monitors.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from operators.policy.fields import As, Named, Slices, Usual, Written
from operators.policy.reading import Duration, FallbackName, Inner, Name
from operators.wire.control import Severity

Action = Literal["alert", "hold", "throttle", "rollback", "kill"]
Scope = Literal["version", "model"]
Statistic = Literal["mean", "p50", "p90", "p95", "p99", "per_1k", "per_success", "per_kpi"]
KPI = "feedback.kpi"
# Rule names of events that rollguard itself sends; by them gateways know what lifts a pin in events of older workers.
INPUT = "input"
RESERVED = ("release", "override", "traffic-split", "commands", INPUT)
Grain = tuple[int, ...]  # A reported slice as indices into the policy's dimensions; () is `*`.
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
BLIP_MS = 60_000  # A burst of failures up to this long decides nothing.


def _runbook(written: Written) -> str:
    return str(written.place.page(written.table.kind) if written.value is None else written.value)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: it is judged on each slice of its `grains`, of each version, or of all versions together.

    `fallback` is where traffic goes if a version that is rolled back has no fit baseline: "hold", "kill", or the name
    of a version or of anything else that the gateway knows. A kind has no key for the fields in its `unwritten`.
    `of_users`: the rule is about what users are promised, which copies of requests, whose answers nobody gets, cannot
    break. Where `named` has slices of a grain, each as the values of its dimensions, it is judged on these alone.
    """

    keys: ClassVar[tuple[str, ...]] = ("kind",)
    unwritten: ClassVar[frozenset[str]] = frozenset()
    of_users: ClassVar[bool] = True

    name: Name
    action: Action = "alert"
    severity: Severity = "ticket"
    grains: Slices = ((),)
    named: Annotated[tuple[tuple[tuple[str, str], ...], ...], Named] = ()
    scope: Annotated[Scope, Usual(Scope)] = "version"
    fallback: FallbackName = "hold"
    runbook: Annotated[str, As(str | None, _runbook)] = ""

    @property
    def sli_names(self) -> tuple[str, ...]:
        """Return the names of the SLIs that the rule is about."""
        return ()

    @property
    def lasting_ms(self) -> int:
        """How long the condition must last before the rule says BAD."""
        return 0

    @property
    def release_targets(self) -> bool:
        """Whether a release may set the targets that the rule holds its versions to."""
        return False

    @property
    def target_least(self) -> float:
        """For a rule on a share of good events: a target of at most this could never be missed."""
        return 0.0

    def slices(self, dimensions: Sequence[str]) -> set[frozenset[str] | frozenset[tuple[str, str]]]:
        """Return the slices that the rule is judged on, as their dimensions' names, or as names with values."""
        limited = {frozenset(name for name, _ in each) for each in self.named}
        whole = {frozenset(dimensions[index] for index in grain) for grain in self.grains}
        return {*(whole - limited), *map(frozenset, self.named)}

    def covers(self, dims: Iterable[tuple[str, str]]) -> bool:
        """Tell whether the rule is judged on a slice of one of its grains, given as dimensions and values."""
        if not self.named:
            return True
        slice_, limits = frozenset(dims), [frozenset(each) for each in self.named]
        names = {name for name, _ in slice_}
        return slice_ in limits or not any({name for name, _ in each} == names for each in limits)


class StatisticRule(Rule, frozen=True, kw_only=True):
    """A rule on a statistic of `measure` over the policy's windows of length `window_ms`, with bounds at `confidence`.

    `per_1k` is the sum per thousand events, `per_success` the sum per good event of the SLI `success`, `per_kpi` the
    sum per unit of the measure `kpi`.
    """

    measure: str
    statistic: Statistic
    success: str = ""
    kpi: str = KPI
    window_ms: Annotated[int, As(Duration, lambda written: written.value.ms, Duration)]
    confidence: Inner = 0.99


def _slis(written: Written) -> tuple[str, ...]:
    for index, name in enumerate(written.value):
        if written.place.sli("slis", name) in written.value[:index]:
            raise written.place.refuse("slis", "is named twice", name)
        if name in written.place.policy.estimated:
            raise written.place.refuse("slis", "is estimated: versions are compared by what is known of them", name)
    return tuple(written.value)


def _blip(written: Written) -> int:
    """Return how long a burst may last: a minute in whole panes, unless the rule says otherwise."""
    if written.value is not None:
        return int(written.place.span("blip", written.value, 0))
    pane_ms: int = written.place.policy.pane_ms
    return -(-BLIP_MS // pane_ms) * pane_ms


class ReleaseRule(Rule, frozen=True, kw_only=True):
    """A rule that compares the candidate of a release with its baseline on `slis`.

    `alpha` is the chance, over the whole release, of ever wrongly calling the candidate worse, while failures come one
    by one; a burst of failures of up to `blip_ms` decides nothing (0: every pane counts in full). A BAD slice
    leads to `slice_action`.

    A candidate that replaced its baseline at once is compared with the baseline's last hours. `cutover_action` follows
    where its odds of a bad event are surely more than `cutover_tolerance` times, and its ratio of bad events more than
    `cutover_points` above, those of the worst of these hours (`operators/release/cutover.py`).
    """

    of_users: ClassVar[bool] = False

    slis: Annotated[tuple[str, ...], As(Annotated[list[str], Meta(min_length=1)], _slis, list)]
    alpha: Inner = 0.05
    blip_ms: Annotated[int, As(Duration | None, _blip)] = BLIP_MS
    slice_action: Action = "hold"
    cutover_action: Annotated[Action, As(Action | None, lambda each: each.value or each.table.action)] = "rollback"
    cutover_tolerance: float = 3.0
    cutover_points: Annotated[float, Meta(ge=0, lt=1)] = 0.05

    @property
    def sli_names(self) -> tuple[str, ...]:
        return self.slis


class ListeningRule(Rule, frozen=True, kw_only=True):
    """A rule on the findings of `monitors`, given by name."""

    of_users: ClassVar[bool] = False

    monitors: tuple[str, ...]


def compared(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the names of the SLIs that are compared between versions."""
    return frozenset(name for rule in rules if isinstance(rule, ReleaseRule) for name in rule.slis)
