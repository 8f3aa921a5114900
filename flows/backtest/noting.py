"""Notes on a comparison: refused items, hours without events, and names in a policy that no event has.

A policy that names what no event has never fires, and would look like a quiet one.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from flows.backtest.comparing import PolicyOutcome
from flows.backtest.hearing import Heard
from operators.policy.policy import Policy
from operators.policy.rules import Rule
from operators.spans import HOUR_MS
from operators.texts import clock
from operators.window.leaf_index import LeafSeries
from operators.window.series_index import slice_text

NAMES_MAX = 5  # Models that are named; the rest are only counted.


def notes_of(runs: Mapping[str, tuple[Policy, Heard]], start: int, end: int) -> Iterator[str]:
    """Yield notes on the runs of policies, by their labels, from `start` until before `end` [Unix ms]."""
    _, first = next(iter(runs.values()))
    if first.refusals:
        yield f"refused: {_counted(first.refusals)}; `rollguard replay` of the files keeps them as dead letters"
    if first.late:
        yield f"{first.late} came late, and no rule sees them"
    yield from _holes(first.seen.hours, start, end)
    for called, (policy, run) in runs.items():
        for note in (*_unclaimed(run), *(each for one in policy.each for each in _vain(one, run))):
            yield f"{called}: {note}"


def unfollowed(called: str, outcome: PolicyOutcome) -> Iterator[str]:
    """Note the pages that arise only because the recorded traffic did not follow this policy's rollbacks."""
    if count := outcome.counts.get("rollback_ineffective"):
        yield f"{called}: {count} rollback_ineffective, and pages of them: these events did not follow its rollbacks"


def _counted(some: Counter[str]) -> str:
    named = some.most_common(NAMES_MAX)
    rest = f" and {len(some) - len(named)} more" if len(some) > len(named) else ""
    return ", ".join(f"{count} {name}" for name, count in named) + rest


def _holes(hours: set[int], start: int, end: int) -> Iterator[str]:
    """Note the hours without events: the archive may have gaps, or the shop closes at night."""
    whole = range(-(-start // HOUR_MS), end // HOUR_MS)
    empty = [hour for hour in whole if hour not in hours]
    if not empty:
        return
    longest = begun = 0
    for at, hour in enumerate(empty):
        begun = begun + 1 if at and hour == empty[at - 1] + 1 else 1
        if begun > longest:
            longest, last = begun, hour + 1
    span = f"{clock((last - longest) * HOUR_MS)} to {clock(last * HOUR_MS)}"
    yield f"nothing is of {len(empty)} of {len(whole)} h, the longest from {span}: pages a week count them as quiet"


def _unclaimed(run: Heard) -> Iterator[str]:
    if run.unclaimed:
        yield f"{run.unclaimed.total()} items are of models that no file takes: {_counted(run.unclaimed)}"


def _vain(policy: Policy, run: Heard) -> Iterator[str]:
    """Yield what one policy file names and no event has."""
    file = f"{policy.team}.toml: " if policy.file else ""
    series = run.seen.series.get(policy.team, set())
    models = {each.model for each in series}
    for pattern in policy.models:
        if not any(fnmatchcase(model, pattern) for model in models):
            yield f"{file}models has {pattern!r}, and no event is of such a model"
    if not series:
        return
    empty = set(_empty(policy, run))
    for rule in policy.rules:
        of = f"{file}rule {rule.name}"
        yield from (f"{of} is about {name}, of which no event has anything" for name in _about(rule) if name in empty)
        yield from (f"{of} looks at {each}, and no event is of it" for each in _unseen_slices(rule, policy, series))
        yield from (f"{of} has a target of {each!r}, and no version is such" for each in _unseen_targets(rule, series))


def _empty(policy: Policy, run: Heard) -> Iterator[str]:
    """Yield the SLIs and measures that counted nothing, except estimated ones and those by cohorts, unknown here."""
    slis, measures = [each.name for each in policy.slis], [each.name for each in policy.measures]
    for names, counts in ((slis, run.seen.slis), (measures, run.seen.values)):
        found = counts.get(policy.team)
        if found is not None and len(found) == len(names):
            yield from (name for name, count in zip(names, found.tolist(), strict=True) if not count)


def _about(rule: Rule) -> tuple[str, ...]:
    """Return the SLIs and measures that a rule is about."""
    measured = getattr(rule, "measure", None)
    others = [each.name for each in getattr(rule, "measures", ())]
    return (*rule.sli_names, *([measured] if measured else []), *others)


def _unseen_slices(rule: Rule, policy: Policy, series: set[LeafSeries]) -> Iterator[str]:
    for named in rule.named:
        wanted = [(policy.dimensions.index(name), value) for name, value in named]
        if not any(all(each.values[place] == value for place, value in wanted) for each in series):
            yield slice_text(named)


def _unseen_targets(rule: Rule, series: set[LeafSeries]) -> Iterator[str]:
    targets: Mapping[str, float] = getattr(rule, "targets", {})
    versions = {each.version for each in series}
    yield from (name for name in targets if not any(each == name or fnmatchcase(each, name) for each in versions))
