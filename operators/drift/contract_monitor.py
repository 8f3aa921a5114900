"""Contracts at the end of a window: each finding when it begins and when it ends, with the first offending requests.

State: the breaches of each series' last window with events, a few words each.
"""

import math
from collections.abc import Iterator, Sequence

import msgspec

from operators.drift.alarm_limit import SIGMAS, AlarmLimit
from operators.drift.contract import findings
from operators.drift.contract_breach import SAMPLES_MIN, ContractBreach, Expectation
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import of_contract
from operators.drift.kind import WindowKind
from operators.drift.member import watched_of
from operators.drift.results import Drift, FieldCounts, Offenders
from operators.drift.summary import NAMES_MAX, Summary
from operators.policy.monitor_place import Reading
from operators.policy.monitors import NOT_KEPT, OnFields, Watched, Why, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Above, Share, span
from operators.profiles.expected_field import expected_fields
from operators.profiles.profile import Field
from operators.window.series_index import SliceSeries
from operators.wire.control import Word

WHY: dict[str, Why] = {"absent": "missing", "missing": "missing", "type": "unseen", "category": "unseen"}
Place = tuple[str, str, str, str, str]  # Monitor, model, version, slice, field.


class Contract(WindowMonitor, frozen=True, kw_only=True):
    """The contract that `profile` implies; limits by hand are exact, and allowed only where `on` is one field."""

    on: OnFields = ("*",)
    sigmas: Above = 5.0
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    missing_share_max: Share | None = None

    def watching(self, watched: Watched) -> Watched:
        """Return the field with offenders kept, for the limits of this contract and others."""
        moments = None if watched.field is None else watched.field.moments
        low, high = (-math.inf, math.inf) if moments is None else moments.bounds
        return msgspec.structs.replace(
            watched,
            contract=True,
            low=max(watched.low, low if self.low is None else self.low),
            high=min(watched.high, high if self.high is None else self.high),
        )


class Contracts:
    """`broken`: the last findings by monitor, series and field; `seen`: when a field was last looked at, Unix ms."""

    def __init__(self) -> None:
        self.broken: dict[Place, dict[str, ContractBreach]] = {}
        self.seen: dict[Place, int] = {}

    def evaluate(self, monitor: Contract, ended: Ended) -> tuple[list[Drift], list[Drift]]:
        """Return what changed, and the whole state: every finding, and one OK for each series and field without any."""
        changed: list[Drift] = []
        stands: list[Drift] = []
        slots = ended.members(monitor)
        for index, watched in watched_of(monitor, ended.policy):
            window = ended.counts_of(index, watched, ended.without_own(watched, slots))
            offenders = [ended.offenders.get(name[:3], {}) for name in window.names]
            summaries = _summaries(index, window, offenders)
            rows = zip(window.names, summaries, offenders, _expectations(monitor, watched, ended, window), strict=True)
            for series, summary, seen_here, expectation in rows:
                if summary.rows >= SAMPLES_MIN:
                    results = _FieldResults(monitor, watched, series, ended, summary)
                    for drift, new in self._field(results, expectation, index, seen_here):
                        stands += [drift] if drift.word == "BAD" or not drift.method else []
                        changed += [drift] if new else []
        return changed, stands

    def forget(self, before: int) -> None:
        """Forget fields that were last looked at before `before`."""
        self.seen = {place: at for place, at in self.seen.items() if at >= before}
        self.broken = {place: found for place, found in self.broken.items() if place in self.seen}

    def _field(
        self, results: "_FieldResults", expectation: Expectation, index: int, offenders: Offenders
    ) -> Iterator[tuple[Drift, bool]]:
        """Return each finding and whether it is news, those that ended, and an OK without a method if none is left."""
        place = results.place
        before, self.seen[place] = self.broken.pop(place, {}), results.ended.end
        found: dict[str, ContractBreach] = {
            each.kind: each for each in findings(results.watched.name, expectation, results.summary)
        }
        for kind, finding in found.items():
            why = WHY.get(kind, "range")
            shown = [each for each in offenders.get((index, why), ()) if why != "range" or kind == "range"]
            requests = tuple(dict.fromkeys(each.request_id for each in shown))
            detail = ", ".join(finding.values or dict.fromkeys(each.value for each in shown if each.value))
            yield results.drift("BAD", kind, finding, detail, requests), kind not in before
        if found:
            self.broken[place] = found
        for kind in sorted(before.keys() - found.keys()):
            yield results.drift("OK", kind, before[kind], "no longer"), True
        if not found:
            yield results.drift("OK", "", None), False


class _FieldResults:
    """What every result on one field of one series has in common."""

    def __init__(
        self, monitor: Contract, watched: Watched, series: SliceSeries, ended: Ended, summary: Summary
    ) -> None:
        self.monitor, self.watched, self.series, self.ended, self.summary = monitor, watched, series, ended, summary

    @property
    def place(self) -> Place:
        return (self.monitor.name, *self.series[:3], self.watched.name)

    def drift(
        self, word: Word, method: str, finding: ContractBreach | None, detail: str = "", requests: tuple[str, ...] = ()
    ) -> Drift:
        field = self.watched.field
        return Drift(
            monitor=self.monitor.name,
            series=self.series,
            field=self.watched.name,
            start=self.ended.start,
            end=self.ended.end,
            axis=axis_of(self.watched.name),
            kind=kind_of(self.watched.name, self.series.model),
            method=method,
            word=word,
            score=None if finding is None or word == "OK" else finding.observed,
            threshold=None if finding is None else finding.limit,
            expected=None if finding is None else finding.expected,
            reference="profile",
            n_reference=0 if field is None else field.rows,
            n_current=self.summary.rows,
            profile=self.watched.profile,
            detail=detail,
            requests=requests,
        )


def _summaries(index: int, window: FieldCounts, offenders: Sequence[Offenders]) -> Iterator[Summary]:
    """Return the summaries, which contracts check, of one field of each series."""
    columns = (window.n, window.mean, window.sd, window.low, window.high, window.designs)
    rows = zip(window.counts.tolist(), *(column.tolist() for column in columns), offenders, strict=True)
    for counts, n, mean, sd, low, high, design, seen_here in rows:
        values = {each.value for each in seen_here.get((index, "unseen"), ())}
        unseen = tuple(sorted(values - {NOT_KEPT}))[:NAMES_MAX]
        yield Summary(counts=tuple(counts), n=n, mean=mean, sd=sd, low=low, high=high, unseen=unseen, design=design)


def _expectations(monitor: Contract, watched: Watched, ended: Ended, window: FieldCounts) -> list[Expectation]:
    """Return what is expected of each series: by its slice and these hours of the week, where the profile has them."""
    if watched.field is None:
        raise ValueError(f"{monitor.name}: the profile has no {watched.name}")
    texts = [name.text for name in window.names]
    fields = expected_fields(watched.field, ended.start, ended.window_ms, texts)
    return [_expectation(monitor, field, watched.field) for field in fields]


def _expectation(monitor: Contract, reference: Field, whole: Field) -> Expectation:
    """Return what is expected; the range is always that of all numbers, not that of a slice or an hour."""
    return Expectation(
        reference=reference,
        low=monitor.low,
        high=monitor.high,
        categories=monitor.categories,
        missing_share_max=monitor.missing_share_max,
        range_of=whole.moments,
        sigmas=monitor.sigmas,
    )


def _check(monitor: Contract, reading: Reading) -> None:
    for key in ("low", "high", "categories"):
        if getattr(monitor, key) is not None and len(monitor.on) > 1:
            raise reading.refuse(key, "has a meaning only for one field in `on`")
    field = reading.field(monitor.on[0])
    if field is None:
        return
    for key in ("low", "high"):
        if getattr(monitor, key) is not None and field.kind != "number":
            allowed = f"has no meaning for {monitor.on[0]}, which is no number in the profile {reading.path}"
            raise reading.refuse(key, allowed)
    if monitor.low is not None and monitor.high is not None and monitor.low > monitor.high:
        raise reading.refuse("low", f"must be at most high ({monitor.high:g})")
    for name in monitor.categories or ():
        if name not in field.categories:
            allowed = f"must be among those of the profile: {', '.join(field.categories)}"
            raise reading.refuse("categories", allowed, name)


def _limits(contract: Contract) -> Iterator[str]:
    yield f"the contract of the profile by {contract.sigmas:g} sigma"
    for name, limit in (("low", contract.low), ("high", contract.high), ("missing", contract.missing_share_max)):
        if limit is not None:
            yield f"{name} {limit:g}"
    if contract.categories is not None:
        yield f"categories {' '.join(contract.categories)}"


KIND = WindowKind(
    name="contract",
    monitor=Contract,
    when=lambda monitor: f"values over {span(monitor.window_ms)} break {', '.join(_limits(monitor))}",
    false_alarms=lambda monitor, pane_ms, series: of_contract(
        monitor.sigmas, monitor.window_ms, len(monitor.on), series
    ),
    limit=AlarmLimit(keys=("sigmas",), factors=SIGMAS),
    needs=lambda table: 'kind = "contract"',
    check=_check,
    evaluate=lambda monitor, ended, broken: broken.evaluate(monitor, ended),
)
