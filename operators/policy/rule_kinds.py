"""The kinds of `[[rule]]` in a policy: which keys each has, what they default to, and what is refused."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.policy.policy import RUNBOOKS, Policy, PolicyError, Positive
from operators.policy.reading import SPAN_MS_MAX, Duration, FallbackName, Name, span
from operators.policy.rules import (
    MATURITY_PANES_MAX,
    Absence,
    Action,
    BurnRate,
    Canary,
    Compared,
    DriftRule,
    Grain,
    MeasureRule,
    Scope,
    Statistic,
    Threshold,
    WithoutData,
)
from operators.policy.tiers import TierTable, tiers_of
from operators.wire.control import Severity

Inner = Annotated[float, Meta(gt=0, lt=1)]
Confidence = Annotated[float, Meta(ge=0.5, lt=1)]
NONE = Duration("0s")


BLIP_MS = 60_000  # How long a burst of failures may last that decides nothing.


class Key:
    """The place of a rule in the policy, for what is said about it; `policy` is checked but for its rules."""

    def __init__(self, prefix: str, raw: dict[str, Any], policy: Policy) -> None:
        self.prefix, self.raw, self.policy = prefix, raw, policy

    def refuse(self, key: str, allowed: str, value: object = None) -> PolicyError:
        return PolicyError(f"{self.prefix}.{key}", self.raw.get(key) if value is None else value, allowed)

    def span(self, key: str, time: Duration, least: int = 1) -> int:
        """Return a time that must be a whole number of panes, and at least so many."""
        pane = self.policy.pane_ms
        if time.ms % pane or time.ms < least * pane:
            raise self.refuse(key, f"must be a multiple of time.pane ({span(pane)})", time.text)
        if time.ms > SPAN_MS_MAX:
            raise self.refuse(key, "must be at most 366d", time.text)
        return time.ms

    def sli(self, key: str, name: str) -> str:
        known = [sli.name for sli in self.policy.slis]
        if name not in known:
            raise self.refuse(key, f"must be one of the SLIs {', '.join(known) or '(there are none)'}", name)
        return name

    def grain(self, text: str) -> Grain:
        dimensions, grains = self.policy.dimensions, self.policy.grains
        names = [] if text == "*" else text.split(",")
        grain = tuple(sorted(dimensions.index(name) for name in names if name in dimensions))
        if len(grain) < len(names) or grain not in grains:
            known = " ".join(f'"{",".join(dimensions[index] for index in each) or "*"}"' for each in grains)
            raise self.refuse("slices", f"must be one of the reported slices {known}", text)
        return grain

    def grains(self, texts: tuple[str, ...]) -> tuple[Grain, ...]:
        grains = tuple(self.grain(text) for text in texts)
        for index, grain in enumerate(grains):
            if grain in grains[:index]:
                raise self.refuse("slices", "is named twice", texts[index])
        return grains


class _Rule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What every kind has."""

    name: Name
    kind: str
    action: Action = "alert"
    slices: Annotated[tuple[str, ...], Meta(min_length=1)] = ("*",)
    scope: Scope | None = None
    runbook: str | None = None

    def common(self, key: Key, scope: Scope = "version") -> dict[str, Any]:
        """Return the fields of `rules.Rule`; `scope` is what it is unless the rule says otherwise."""
        grains = key.grains(self.slices)
        scope = self.scope or scope
        if scope == "model" and self.action != "alert":
            raise key.refuse("scope", f'must be "version" with action = "{self.action}", which is done to a version')
        runbook = f"{RUNBOOKS}/{self.kind}.md" if self.runbook is None else self.runbook
        return {"name": self.name, "action": self.action, "grains": grains, "scope": scope, "runbook": runbook}


class _Acting(_Rule, frozen=True, kw_only=True):
    fallback: FallbackName = "hold"


class _Threshold(_Acting, frozen=True, kw_only=True):
    sli: str
    target: Inner
    window: Duration
    for_: Duration = msgspec.field(default=NONE, name="for")
    confidence: Confidence = 0.99
    severity: Severity = "ticket"

    def rule(self, key: Key) -> Threshold:
        return Threshold(
            **self.common(key),
            severity=self.severity,
            fallback=self.fallback,
            sli=key.sli("sli", self.sli),
            target=self.target,
            window_ms=key.span("window", self.window),
            for_ms=key.span("for", self.for_, 0),
            confidence=self.confidence,
        )


class _BurnRate(_Acting, frozen=True, kw_only=True):
    """It has no severity: each tier has its own."""

    sli: str
    target: Inner
    period: Duration = Duration("30d")
    tiers: Annotated[list[TierTable], Meta(min_length=1)] | None = None
    confidence: Confidence = 0.99

    def rule(self, key: Key) -> BurnRate:
        period = key.span("period", self.period)
        return BurnRate(
            **self.common(key),
            fallback=self.fallback,
            sli=key.sli("sli", self.sli),
            target=self.target,
            period_ms=period,
            tiers=tiers_of(self.tiers, f"{key.prefix}.tiers", self.target, period, key.policy.pane_ms),
            confidence=self.confidence,
        )


class _Measure(_Acting, frozen=True, kw_only=True):
    measure: str
    statistic: Statistic
    window: Duration
    at_most: float | None = None
    at_least: float | None = None
    for_: Duration = msgspec.field(default=NONE, name="for")
    n_min: Positive = 100
    confidence: Inner = 0.99
    severity: Severity = "ticket"

    def rule(self, key: Key) -> MeasureRule:
        sizes = [window.size_ms for window in key.policy.windows]
        known = [measure.name for measure in key.policy.measures]
        if self.scope == "model":
            raise key.refuse("scope", 'must be "version" with kind = "measure": [windows] are kept of each version')
        if self.measure not in known:
            raise key.refuse("measure", f"must be one of measures.names: {', '.join(known) or '(there are none)'}")
        if self.window.ms not in sizes:
            windows = ", ".join(span(size) for size in sorted(set(sizes))) or "(there are none)"
            raise key.refuse("window", f"must be one of the sizes in [windows]: {windows}")
        if self.at_most is None and self.at_least is None:
            raise key.refuse("at_most", "is required, or at_least")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise key.refuse("at_least", f"must be at most at_most ({self.at_most:g})")
        return MeasureRule(
            **self.common(key),
            severity=self.severity,
            fallback=self.fallback,
            measure=self.measure,
            statistic=self.statistic,
            window_ms=self.window.ms,
            at_most=self.at_most,
            at_least=self.at_least,
            for_ms=key.span("for", self.for_, 0),
            n_min=self.n_min,
            confidence=self.confidence,
        )


class _Absence(_Rule, frozen=True, kw_only=True):
    after: Duration
    severity: Severity = "ticket"

    def rule(self, key: Key) -> Absence:
        if self.action != "alert":
            raise key.refuse("action", 'must be "alert" with kind = "absence": no traffic says nothing of a version')
        common = self.common(key, "model")
        return Absence(**common, severity=self.severity, after_ms=key.span("after", self.after))


class _Compared(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`measures` of a canary rule: at a `quantile`, or by `statistic = "mean"`."""

    name: str
    quantile: Inner | None = None
    statistic: str | None = None
    tolerance: Annotated[float, Meta(ge=0, le=100)] = 0.0


class _Canary(_Acting, frozen=True, kw_only=True):
    slis: Annotated[list[str], Meta(min_length=1)]
    measures: list[_Compared] = []
    without_data: WithoutData = "hold"
    alpha: Inner = 0.05
    tolerance: float = 1.0
    tolerance_points: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    margin: float = 1.5
    margin_points: Annotated[float, Meta(ge=0, lt=1)] = 0.001
    slice_margin: float = 3.0
    slice_margin_points: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    blip: Duration | None = None
    maturity: Duration | None = None
    cutover_action: Action | None = None
    cutover_tolerance: float = 3.0
    cutover_points: Annotated[float, Meta(ge=0, lt=1)] = 0.05
    slice_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    slice_action: Action = "hold"
    severity: Severity = "ticket"

    def rule(self, key: Key) -> Canary:
        if self.scope == "model":
            raise key.refuse("scope", 'must be "version" with kind = "canary", which compares two')
        for index, name in enumerate(self.slis):
            if key.sli("slis", name) in self.slis[:index]:
                raise key.refuse("slis", "is named twice", name)
        self._check_ratios(key)
        return Canary(
            **self.common(key),
            severity=self.severity,
            fallback=self.fallback,
            slis=tuple(self.slis),
            measures=self._measures(key),
            without_data=self.without_data,
            alpha=self.alpha,
            tolerance=self.tolerance,
            tolerance_points=self.tolerance_points,
            margin=self.margin,
            margin_points=self.margin_points,
            slice_margin=self.slice_margin,
            slice_margin_points=self.slice_margin_points,
            blip_ms=self._blip_ms(key),
            maturity_ms=self._maturity_ms(key),
            cutover_action=self.cutover_action or self.action,
            cutover_tolerance=self.cutover_tolerance,
            cutover_points=self.cutover_points,
            slice_share=self.slice_share,
            slice_action=self.slice_action,
        )

    def _measures(self, key: Key) -> tuple[Compared, ...]:
        """Return the measures that are compared. PolicyError for one that is not kept, is feedback, or comes twice."""
        known = [measure.name for measure in key.policy.measures if not measure.on_feedback]
        compared: list[Compared] = []
        for each in self.measures:
            if each.name not in known:
                named = ", ".join(known) or "(there are none)"
                raise key.refuse("measures", f"must be among measures.names, and no feedback: {named}", each.name)
            by_mean = each.statistic == "mean"
            if (each.quantile is None) != by_mean or (each.statistic is not None and not by_mean):
                raise key.refuse("measures", 'need either `quantile` or `statistic = "mean"`', each.name)
            compared.append(Compared(name=each.name, quantile=each.quantile, tolerance=each.tolerance))
            if (each.name, each.quantile) in [(other.name, other.quantile) for other in compared[:-1]]:
                raise key.refuse("measures", "is named twice", each.name)
        return tuple(compared)

    def _check_ratios(self, key: Key) -> None:
        """A policy with differences where ratios stand now is told so, and not read as another one."""
        if self.tolerance < 1:
            raise key.refuse("tolerance", "must be a ratio of odds, 1 or more; a difference is `tolerance_points`")
        if self.cutover_tolerance < 1:
            raise key.refuse("cutover_tolerance", "must be a ratio of odds, 1 or more")
        for name, least in (("margin", self.tolerance), ("slice_margin", 1.0)):
            if not least < getattr(self, name):
                allowed = f"must be a ratio of odds above {least:g}; a difference is `{name}_points`"
                raise key.refuse(name, allowed, getattr(self, name))

    def _maturity_ms(self, key: Key) -> int | None:
        """Return how old labels are when they are compared; None where it is to be learned."""
        if self.maturity is None:
            return None
        if not any(sli.on_feedback for sli in key.policy.slis if sli.name in self.slis):
            raise key.refuse("maturity", "is about labels: none of `slis` is on feedback", self.maturity.text)
        age_ms, most = key.span("maturity", self.maturity), MATURITY_PANES_MAX * key.policy.pane_ms
        if age_ms > most:
            raise key.refuse("maturity", f"must be at most {MATURITY_PANES_MAX:,} panes", self.maturity.text)
        return age_ms

    def _blip_ms(self, key: Key) -> int:
        """Return how long a burst may last: a minute in whole panes, unless the rule says otherwise."""
        if self.blip is not None:
            return key.span("blip", self.blip, 0)
        pane_ms = key.policy.pane_ms
        return -(-BLIP_MS // pane_ms) * pane_ms


class _Drift(_Acting, frozen=True, kw_only=True):
    monitors: Annotated[list[str], Meta(min_length=1)] | None = None
    action: Action = "hold"
    severity: Severity = "ticket"

    def rule(self, key: Key) -> DriftRule:
        monitors = {monitor.name: monitor for monitor in key.policy.monitors}
        named = monitors if self.monitors is None else self.monitors
        names = tuple(name for name in named if name not in key.policy.waiting)
        if self.scope == "model":
            raise key.refuse("scope", 'must be "version" with kind = "drift": monitors watch each version')
        if not names:
            raise key.refuse("monitors", "there are none: add a [[monitor]]")
        for index, name in enumerate(names):
            if name not in monitors:
                raise key.refuse("monitors", f"must be one of the monitors {', '.join(monitors) or '(none)'}", name)
            if name in names[:index]:
                raise key.refuse("monitors", "is named twice", name)
        common = self.common(key)
        for grain, text in zip(common["grains"], self.slices, strict=True):
            if not any(grain in monitors[name].grains for name in names):
                raise key.refuse("slices", f"is watched by none of the monitors {', '.join(names)}", text)
        return DriftRule(**common, severity=self.severity, fallback=self.fallback, monitors=names)


KINDS: dict[str, type[_Threshold | _BurnRate | _Measure | _Absence | _Canary | _Drift]] = {
    "threshold": _Threshold,
    "burn_rate": _BurnRate,
    "measure": _Measure,
    "absence": _Absence,
    "canary": _Canary,
    "drift": _Drift,
}
