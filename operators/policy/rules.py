"""What all rules of a policy have in common: what turns counts into verdicts, and what a BAD verdict leads to.

The kinds are in `operators/rules`, a file each. Here is what others may ask of any rule, and the three families: rules
that judge each series by itself, that compare the versions of a release, and that listen to monitors.
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
# Names under which rollguard itself speaks; of older workers gateways read what lifts a pin by them.
INPUT = "input"
RESERVED = ("release", "override", "traffic-split", "commands", INPUT)
Grain = tuple[int, ...]  # A reported slice as indices into the policy's dimensions; () is `*`.
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
BLIP_MS = 60_000  # How long a burst of failures may last that decides nothing.


def _runbook(written: Written) -> str:
    return str(written.place.page(written.table.kind) if written.value is None else written.value)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: it is judged on each slice of its `grains`, of each version, or of all versions together.

    `fallback` is where traffic goes if a version that is rolled back has no fit baseline: "hold", "kill", or the name
    of what traffic goes to, a version or what the gateway knows by it. A kind whose `unwritten` names a field has no
    such key. `of_users`: it is about what users are promised, which copies of requests, that nobody gets, cannot break.
    Of a grain of which `named` has slices, each as the values of its dimensions, it is judged on these alone.
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
        """Return the names of the SLIs that it is about."""
        return ()

    @property
    def lasting_ms(self) -> int:
        """For how long it must be so before the rule says BAD."""
        return 0

    @property
    def release_targets(self) -> bool:
        """Whether releases may say what it holds their versions to."""
        return False

    @property
    def target_least(self) -> float:
        """Of a rule on a share of good events: a target that is no larger could never be missed."""
        return 0.0

    def slices(self, dimensions: Sequence[str]) -> set[frozenset[str] | frozenset[tuple[str, str]]]:
        """Return the slices that it is judged on: as the names of their dimensions, or these with their values."""
        limited = {frozenset(name for name, _ in each) for each in self.named}
        whole = {frozenset(dimensions[index] for index in grain) for grain in self.grains}
        return {*(whole - limited), *map(frozenset, self.named)}

    def covers(self, dims: Iterable[tuple[str, str]]) -> bool:
        """Tell whether a slice of one of its grains, by dimension and value, is not left out by those that it names."""
        if not self.named:
            return True
        slice_, limits = frozenset(dims), [frozenset(each) for each in self.named]
        names = {name for name, _ in slice_}
        return slice_ in limits or not any({name for name, _ in each} == names for each in limits)


class StatisticRule(Rule, frozen=True, kw_only=True):
    """A rule on a statistic of `measure` over the policy's windows of length `window_ms`, with bounds at `confidence`.

    `per_1k` is the sum over a thousand events, `per_success` that over the good events of the SLI `success`, `per_kpi`
    that over the sum of the measure `kpi`.
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

    `alpha` is the chance of ever saying wrongly that it is worse, for the whole release, while failures come one by
    one; a burst of failures that lasts up to `blip_ms` decides nothing (0: every pane counts in full). A BAD slice
    leads to `slice_action`.

    A candidate that replaced its baseline at once is compared with what that had in its last hours. `cutover_action`
    follows where its odds of a bad event are surely more than `cutover_tolerance` times, and its ratio of bad events
    more than `cutover_points` above, the worst of those (`operators/release/cutover.py`).
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
    """A rule on what `monitors` say, by their names."""

    of_users: ClassVar[bool] = False

    monitors: tuple[str, ...]


def compared(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the names of the SLIs that are compared between versions."""
    return frozenset(name for rule in rules if isinstance(rule, ReleaseRule) for name in rule.slis)
