"""The alarms that the monitors and rules of a policy raise in files of a time in which all was well.

Those of monitors are compared with what `rollguard check` promises. Where a monitor surely raises more, the files are
read again with milder and milder limits, and the first that would have kept the promise is suggested.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from scipy import special

from flows import replay
from flows.backtest.outcomes import Covered, NothingToMeasure, each_outcome
from operators.connectors.stop import Stop
from operators.drift.registry import false_alarms_of, monitor_kind_of
from operators.evaluation_state import PaneOutcome
from operators.ingest.formats.format import Stream
from operators.policy.monitors import Monitor
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.spans import WEEK_MS
from operators.wire.control import Word

CHANCE = 0.05  # The chance of as many alarms while the promise holds: below this there are surely more than promised.
WELL = ("promote", "recovered", "rollback_applied")  # Control events without harm.

Key = tuple[str, str]  # File of the policy, name of a monitor or of a rule.
Series = tuple[str, str, str]  # Model, version, slice.


class QuietFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The files to read, and their formats."""

    paths: Mapping[Stream, Sequence[Path]]
    forms: Mapping[Stream, str] = {}
    pseudonyms: Pseudonyms = Pseudonyms()


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """Limits by key that keep the promise, and how often they alarmed; without limits, none of those tried does.

    `a_week_most`: an upper bound for other such times; where it is above the promise, these files are too short to show
    that the promise is kept.
    """

    limits: dict[str, float]
    tried: dict[str, float]
    alarms: int
    a_week: float
    a_week_most: float


class MonitorAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """Alarms of a monitor: findings that began on a field and series, or single findings of a window.

    `series` is how many series it watched, `limits` are its own. `more`: surely more alarms than promised. `heard` is
    how often it had a word on a series, `insufficient` how often that word was too few events: it could not alarm then.
    """

    team: str
    monitor: str
    kind: str
    limits: dict[str, float]
    series: int
    alarms: int
    a_week: float
    a_week_promised: float
    a_week_and_series: float | None
    a_week_and_series_promised: float | None
    more: bool
    heard: int
    insufficient: int
    suggestion: Suggestion | None = None


class RuleAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """How many incidents a rule began, and how many of them woke people."""

    team: str
    rule: str
    incidents: int
    a_week: float
    pages: int
    pages_a_week: float


class FalseAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """The results for the time of the events [Unix ms], with its length in weeks."""

    start: int
    end: int
    weeks: float
    items: int
    refused: int
    monitors: list[MonitorAlarms]
    rules: list[RuleAlarms]


class Alarms(msgspec.Struct, kw_only=True):
    """The results of a run: alarms, series and words of monitors, incidents of rules, and those that wake people."""

    alarms: dict[Key, int] = {}
    series: dict[Key, set[Series]] = {}
    words: Counter[tuple[str, str, Word]] = msgspec.field(default_factory=Counter)
    incidents: dict[Key, set[str]] = {}
    pages: dict[Key, set[str]] = {}

    def take(self, policy: Policy, outcome: PaneOutcome) -> None:
        for drift in outcome.drift.drifts:
            self.series.setdefault((policy.team, drift.monitor), set()).add(drift.series[:3])
            if drift.word == "BAD":
                key = policy.team, drift.monitor
                self.alarms[key] = self.alarms.get(key, 0) + 1
        for found in outcome.drift.heard:
            self.series.setdefault((policy.team, found.monitor), set()).add(found.series[:3])
            self.words[policy.team, found.monitor, found.word] += 1
        for event in outcome.events:
            if event.state == "firing" and not event.update and event.type not in WELL:
                self.incidents.setdefault((policy.team, event.rule), set()).add(event.incident or event.id)
                if event.severity == "page" and not event.silenced:
                    self.pages.setdefault((policy.team, event.rule), set()).add(event.incident or event.id)


def measured(policy: Policy, files: QuietFiles, stop: Stop, progressed: Callable[[str, int], None]) -> FalseAlarms:
    """Return a policy's alarms on files. NothingToMeasure; OSError, GivenTwice, ReadOnce, TooManyRejects."""
    replay.require_files(files.paths)
    found, taken = _run(policy, files, stop, progressed)
    first, last = taken.first_event_ms, taken.last_event_ms
    if first is None or last is None:
        refused = f"; {taken.refused} items were refused" if taken.refused else ""
        raise NothingToMeasure(f"--backtest: the files have no events{refused}")
    weeks = (last + 1 - first) / WEEK_MS
    monitors = [_of_monitor(each, monitor, found, weeks) for each in policy.each for monitor in each.monitors]
    noisy = {(each.team, each.monitor): each.a_week_promised for each in monitors if each.more}
    if noisy and not stop.requested:
        milder = _with(policy, {key: _milder(policy, key) for key in noisy})
        again, _ = _run(milder, files, stop, progressed)
        suggested = {key: _suggested(policy, key, again, weeks, promised) for key, promised in noisy.items()}
        replace = msgspec.structs.replace
        monitors = [replace(each, suggestion=suggested.get((each.team, each.monitor))) for each in monitors]
    return FalseAlarms(
        start=first,
        end=last + 1,
        weeks=round(weeks, 4),
        items=taken.items,
        refused=taken.refused,
        monitors=monitors,
        rules=list(_of_rules(policy, found, weeks)),
    )


def _run(
    policy: Policy, files: QuietFiles, stop: Stop, progressed: Callable[[str, int], None]
) -> tuple[Alarms, Covered]:
    found = Alarms()
    inputs = replay.inputs_of(files.paths, policy, progressed, pseudonyms=files.pseudonyms, forms=files.forms)
    return found, each_outcome(inputs, policy, stop, found.take)


def _of_monitor(policy: Policy, monitor: Monitor, found: Alarms, weeks: float) -> MonitorAlarms:
    key = policy.team, monitor.name
    alarms, series = found.alarms.get(key, 0), found.series.get(key, set())
    by_model = {model: sum(each[0] == model for each in series) for model in sorted({each[0] for each in series})}
    promised = sum(false_alarms_of(monitor, policy.pane_ms, many) for many in by_model.values())
    return MonitorAlarms(
        team=policy.team,
        monitor=monitor.name,
        kind=monitor.kind,
        limits=monitor_kind_of(monitor).limit.of(monitor),
        series=len(series),
        alarms=alarms,
        a_week=alarms / weeks,
        a_week_promised=promised,
        a_week_and_series=alarms / weeks / len(series) if series else None,
        a_week_and_series_promised=promised / len(series) if series else None,
        heard=sum(many for (*name, _), many in found.words.items() if tuple(name) == key),
        insufficient=found.words[(*key, "INSUFFICIENT")],
        more=bool(alarms and special.pdtrc(alarms - 1, promised * weeks) < CHANCE),
    )


def _of_rules(policy: Policy, found: Alarms, weeks: float) -> Iterator[RuleAlarms]:
    """Yield every rule of the policy, and other sources of incidents."""
    known = [(each.team, rule.name) for each in policy.each for rule in each.rules]
    for team, rule in dict.fromkeys([*known, *sorted(found.incidents)]):
        incidents, pages = (len(of.get((team, rule), ())) for of in (found.incidents, found.pages))
        yield RuleAlarms(
            team=team,
            rule=rule,
            incidents=incidents,
            a_week=incidents / weeks,
            pages=pages,
            pages_a_week=pages / weeks,
        )


def _milder(policy: Policy, key: Key) -> list[Monitor]:
    """Return a monitor with milder and milder limits, each under a name that no policy can use."""
    monitor = _monitor(policy, key)
    milder = monitor_kind_of(monitor).limit.milder(monitor)
    return [msgspec.structs.replace(each, name=_name(monitor.name, at)) for at, each in enumerate(milder)]


def _name(monitor: str, at: int) -> str:
    return f"{monitor} {at}"


def _monitor(policy: Policy, key: Key) -> Monitor:
    team, name = key
    return next(m for each in policy.each if each.team == team for m in each.monitors if m.name == name)


def _with(policy: Policy, added: Mapping[Key, Sequence[Monitor]]) -> Policy:
    """Return the policy with these monitors beside its own: rules hear, and so do, the same as before."""
    replace = msgspec.structs.replace
    if policy.teams:
        return replace(policy, teams=tuple(_with(each, added) for each in policy.teams))
    more = [monitor for (team, _), some in added.items() if team == policy.team for monitor in some]
    return replace(policy, monitors=(*policy.monitors, *more))


def _suggested(policy: Policy, key: Key, again: Alarms, weeks: float, promised: float) -> Suggestion:
    monitor = _monitor(policy, key)
    limit = monitor_kind_of(monitor).limit
    milder, tried = limit.milder(monitor), limit.of(monitor)
    alarms = again.alarms.get(key, 0)
    for at, each in enumerate(milder):
        alarms, tried = again.alarms.get((key[0], _name(monitor.name, at)), 0), limit.of(each)
        if alarms <= promised * weeks:
            return _suggestion(tried, tried, alarms, weeks)
    return _suggestion({}, tried, alarms, weeks)


def _suggestion(limits: dict[str, float], tried: dict[str, float], alarms: int, weeks: float) -> Suggestion:
    # Exact bound for a Poisson number (Garwood, 1936). Milder limits alarm only where stricter ones do, so trying
    # several and taking the first quiet one does not change it.
    most = float(special.pdtri(alarms, CHANCE))
    return Suggestion(limits=limits, tried=tried, alarms=alarms, a_week=alarms / weeks, a_week_most=most / weeks)
