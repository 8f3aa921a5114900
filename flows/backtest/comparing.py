"""What two policies said of the same events, side by side."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import msgspec

from operators.spans import WEEK_MS
from operators.wire.control import ControlEvent

OUTCOMES = ("rollback", "kill", "throttle", "hold", "promote")  # The gravest first.


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The first event of a type about a version: `at` [Unix ms], by which rule; `detect_s` after the onset."""

    type: str
    at: int
    rule: str
    detect_s: float | None = None


class PolicyOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy said: control events by type, once for each incident, pages, and the median time to detect.

    `rules` has the counts by rule. `outcomes` has by model and version the events that affect its traffic, in order,
    each type once.
    """

    policy: str
    counts: dict[str, int]
    rules: dict[str, dict[str, int]]
    pages: int
    pages_per_week: float | None
    detect_s: float | None
    outcomes: dict[str, dict[str, list[Outcome]]]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy in force and another one said in a time [Unix ms]; `notes` qualify the comparison."""

    start: int
    end: int
    items: int
    refused: int
    old: PolicyOutcome
    new: PolicyOutcome
    notes: list[str]


def summed(policy: str, events: Sequence[ControlEvent], start: int, end: int) -> PolicyOutcome:
    """Sum up the events from `start` until before `end` [Unix ms]."""
    first = [event for event in _first_of_incidents(events) if start <= event.ts < end]
    counts = Counter(event.type for event in first)
    by_rule: dict[str, Counter[str]] = {}
    for event in first:
        by_rule.setdefault(event.rule, Counter())[event.type] += 1
    pages = len({_incident(event) for event in events if start <= event.ts < end and _wakes(event)})
    outcomes: dict[str, dict[str, list[Outcome]]] = {}
    for event in first:
        if event.type in OUTCOMES:
            of_version = outcomes.setdefault(event.model, {}).setdefault(event.version, [])
            if all(each.type != event.type for each in of_version):
                of_version.append(_outcome(event))
    spans = [each.detect_s for _, each in withdrawals(outcomes) if each.detect_s is not None]
    return PolicyOutcome(
        policy=policy,
        counts=dict(sorted(counts.items())),
        rules={rule: dict(sorted(some.items())) for rule, some in sorted(by_rule.items())},
        pages=pages,
        pages_per_week=round(pages * WEEK_MS / (end - start), 2) if end > start else None,
        detect_s=round(median(spans), 1) if spans else None,
        outcomes=outcomes,
    )


def withdrawals(outcomes: Mapping[str, Mapping[str, Sequence[Outcome]]]) -> Iterator[tuple[tuple[str, str], Outcome]]:
    """Yield each version that was taken out, with the outcome."""
    for model, versions in outcomes.items():
        for version, some in versions.items():
            for each in some:
                if each.type in ("rollback", "kill"):
                    yield (model, version), each


def _first_of_incidents(events: Sequence[ControlEvent]) -> list[ControlEvent]:
    """Return, in order, the first event of each type of each incident.

    It may be an `update`: the rollback of a version after an alert on it belongs to the incident of that alert.
    """
    first: dict[tuple[str, str], ControlEvent] = {}
    for event in events:
        if event.state == "firing":
            first.setdefault((_incident(event), event.type), event)
    return list(first.values())


def _incident(event: ControlEvent) -> str:
    return event.incident or event.id


def _wakes(event: ControlEvent) -> bool:
    """Whether an event wakes people: an incident pages once, a silenced event never."""
    return event.severity == "page" and event.state == "firing" and not (event.update or event.silenced)


def _outcome(event: ControlEvent) -> Outcome:
    known = event.onset is not None and event.detected is not None
    span = (event.detected or 0) - (event.onset or 0)
    return Outcome(type=event.type, at=event.ts, rule=event.rule, detect_s=round(span / 1000, 1) if known else None)
