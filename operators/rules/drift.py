"""Drift: one of a rule's monitors has found it on a slice; what each says of a series stands until it says otherwise.

BAD while a monitor says BAD, OK once one says OK and none BAD, else INSUFFICIENT. A window without enough values
changes nothing: BAD stays BAD. BAD is told again when a monitor or a field joins that was not told of since the last
OK: what is found first must not hide what is found later.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from operators.drift.found import words
from operators.drift.results import Drift, Heard
from operators.policy.policy import Policy
from operators.policy.rules import DriftRule
from operators.rules.verdict import Verdict
from operators.window.series_index import SliceSeries
from operators.wire.control import Evidence, Word

Key = tuple[str, str, str]  # Model, version, slice.
REQUESTS_MAX = 5  # Of the worst finding.
Found = tuple[str, Drift]  # A monitor, and what it found on one field.


class DriftEvaluator:
    """State: by series what each monitor last said, what the rule said, and when, Unix ms; which findings were told."""

    def __init__(self, rule: DriftRule, policy: Policy) -> None:
        self.rule = rule
        self._grains = {frozenset(policy.dimensions[index] for index in grain) for grain in rule.grains}
        self._pane_ms = policy.pane_ms
        self._known_ms = policy.releases.known_ms
        self._heard: dict[Key, dict[str, Heard]] = {}
        self._words: dict[Key, Word] = {}
        self._seen: dict[Key, int] = {}
        self._told: dict[Key, set[tuple[str, str]]] = {}  # By series the monitors and fields that were told.

    def step(self, pane: int, heard: Sequence[Heard]) -> list[Verdict]:
        """Take what monitors said at a pane; return the verdicts that changed."""
        changed: dict[Key, SliceSeries] = {}
        for each in heard:
            ours = each.monitor in self.rule.monitors and frozenset(each.series.dims) in self._grains
            if ours and each.word != "INSUFFICIENT":
                key = each.series[:3]
                self._heard.setdefault(key, {})[each.monitor] = each
                self._seen[key] = (pane + 1) * self._pane_ms
                changed[key] = each.series
        if changed:
            self._forget((pane + 1) * self._pane_ms - self._known_ms)
        return [verdict for key, series in changed.items() for verdict in self._verdict(key, series, pane)]

    def _verdict(self, key: Key, series: SliceSeries, pane: int) -> list[Verdict]:
        said = self._heard[key]
        bad = [each for each in said.values() if each.word == "BAD"]
        word: Word = "BAD" if bad else "OK"
        found, told = list(_found(bad)), self._told.get(key, set())
        new = [each for each in found if _name(each) not in told]
        if word == self._words.get(key) and not new:
            return []
        self._words[key] = word
        if found:
            self._told[key] = told | {_name(each) for each in found}
        else:
            self._told.pop(key, None)
        if found:
            found = new + [each for each in found if _name(each) in told]
            evidence = _evidence(found[0][1], reason(found))
        else:
            last = max(said.values(), key=lambda each: (each.worst.excess, each.monitor))
            evidence = _evidence(last.worst, f"{last.monitor} finds no drift any more")
        return [Verdict(rule=self.rule.name, series=series, word=word, pane=pane, evidence=evidence)]

    def _forget(self, before: int) -> None:
        gone = [key for key, seen in self._seen.items() if seen < before]
        for key in gone:
            del self._seen[key], self._heard[key], self._words[key]
            self._told.pop(key, None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_told": {}} | state)  # Not kept by older workers.


def _found(bad: Sequence[Heard]) -> Iterator[Found]:
    """Yield what is BAD, of all monitors, the worst first."""
    every = [(each.monitor, drift) for each in bad for drift in each.found or (each.worst,)]
    yield from sorted(every, key=lambda found: (-found[1].excess, *_name(found)))


def _name(found: Found) -> tuple[str, str]:
    return found[0], found[1].field


def reason(found: Sequence[Found]) -> str:
    """Return in words what is BAD, in this order: what each monitor found on each field."""
    by_monitor: dict[str, list[str]] = {}
    for monitor, drift in found:
        by_monitor.setdefault(monitor, []).append(words(drift))
    return "; ".join(f"{monitor}: {', '.join(said)}" for monitor, said in by_monitor.items())


def _evidence(worst: Drift, why: str) -> Evidence:
    return Evidence(
        measure=worst.field,
        n=worst.n_current,
        value=worst.score if worst.score == worst.score else None,
        threshold=worst.threshold,
        p_value=worst.p,
        window_ms=worst.end - worst.start,
        since=worst.start if worst.word == "BAD" else None,
        watermark=worst.end,
        reason=why,
        requests=worst.requests[:REQUESTS_MAX],
    )
