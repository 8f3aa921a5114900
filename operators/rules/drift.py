"""Drift: a rule on findings. What a monitor says about a series stands until it says something else.

BAD while a monitor says BAD, OK once one says OK and none BAD, else INSUFFICIENT. A window without enough values
changes nothing: BAD stays BAD. BAD is written again when a monitor or a field joins that was not reported since the
last OK: what is found first must not hide what is found later.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any

from msgspec import Meta

from operators.drift.found import OF_KIND, words
from operators.drift.results import Drift, Heard
from operators.policy.fields import As, Written
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.rules import Action, Grain, ListeningRule
from operators.rules.kind import RuleKind
from operators.rules.recovery import by_verdict
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.window.series_index import SliceSeries
from operators.wire.control import Evidence, Word

Key = tuple[str, str, str]  # Model, version, slice.
REQUESTS_MAX = 5  # Of the worst finding.
Found = tuple[str, Drift]  # A monitor, and what it found on one field.


def _monitors(written: Written) -> tuple[str, ...]:
    """Return the monitors that exist, of those that the rule names, or of all."""
    policy, refuse = written.place.policy, written.place.refuse
    known = [monitor.name for monitor in policy.monitors]
    named = known if written.value is None else written.value
    names = tuple(name for name in named if name not in policy.waiting)
    if not names:
        raise refuse("monitors", "there are none: add a [[monitor]]")
    for index, name in enumerate(names):
        if name not in known:
            raise refuse("monitors", f"must be one of the monitors {', '.join(known) or '(none)'}", name)
        if name in names[:index]:
            raise refuse("monitors", "is named twice", name)
    return names


class DriftRule(ListeningRule, frozen=True, kw_only=True):
    """One of `monitors` has found drift on a slice of its `grains`; without any, of all slices that they watch.

    Drift says that the world, the inputs or the source of the scores changed, not that a version is worse: by itself it
    holds a promotion, and rolls nothing back.
    """

    monitors: Annotated[tuple[str, ...], As(Annotated[list[str], Meta(min_length=1)] | None, _monitors)]
    action: Action = "hold"


class DriftEvaluator:
    """State by series: the last result of each monitor, the rule's word, when [Unix ms], and reported findings."""

    def __init__(self, rule: DriftRule, policy: Policy) -> None:
        self.rule = rule
        self._grains = rule.slices(policy.dimensions)
        self._pane_ms = policy.pane_ms
        self._known_ms = policy.releases.known_ms
        self._heard: dict[Key, dict[str, Heard]] = {}
        self._words: dict[Key, Word] = {}
        self._seen: dict[Key, int] = {}
        self._announced: dict[Key, set[tuple[str, str]]] = {}  # By series, the monitors and fields that were reported.

    def step(self, pane: int, heard: Sequence[Heard]) -> list[Verdict]:
        """Take the results of monitors at a pane; return the verdicts that changed."""
        changed: dict[Key, SliceSeries] = {}
        for each in heard:
            dims = each.series.dims
            listens = frozenset(dims) in self._grains or frozenset(dims.items()) in self._grains
            if each.monitor in self.rule.monitors and listens and each.word != "INSUFFICIENT":
                key = each.series[:3]
                self._heard.setdefault(key, {})[each.monitor] = each
                self._seen[key] = (pane + 1) * self._pane_ms
                changed[key] = each.series
        if changed:
            self._forget((pane + 1) * self._pane_ms - self._known_ms)
        return [verdict for key, series in changed.items() for verdict in self._verdict(key, series, pane)]

    def current(self, key: Key) -> tuple[Word | None, Evidence | None]:
        """Return the word on a series, and what monitors find on it by their last windows."""
        word = self._words.get(key)
        found = list(_found([each for each in self._heard.get(key, {}).values() if each.word == "BAD"]))
        return word, _evidence(found[0][1], reason(found)) if found else None

    def _verdict(self, key: Key, series: SliceSeries, pane: int) -> list[Verdict]:
        results = self._heard[key]
        bad = [each for each in results.values() if each.word == "BAD"]
        word: Word = "BAD" if bad else "OK"
        found, announced = list(_found(bad)), self._announced.get(key, set())
        new = [each for each in found if _name(each) not in announced]
        if word == self._words.get(key) and not new:
            return []
        self._words[key] = word
        if found:
            self._announced[key] = announced | {_name(each) for each in found}
        else:
            self._announced.pop(key, None)
        if found:
            found = new + [each for each in found if _name(each) in announced]
            evidence = _evidence(found[0][1], reason(found))
        else:
            last = max(results.values(), key=lambda each: (each.worst.excess, each.monitor))
            evidence = _evidence(last.worst, f"{last.monitor} finds no drift any more")
        return [Verdict(rule=self.rule.name, series=series, word=word, pane=pane, evidence=evidence)]

    def _forget(self, before: int) -> None:
        gone = [key for key, seen in self._seen.items() if seen < before]
        for key in gone:
            del self._seen[key], self._heard[key], self._words[key]
            self._announced.pop(key, None)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_announced": {}} | state)  # Not kept by older workers.


def _found(bad: Sequence[Heard]) -> Iterator[Found]:
    """Yield the BAD findings of all monitors, the worst first."""
    every = [(each.monitor, drift) for each in bad for drift in each.found or (each.worst,)]
    yield from sorted(every, key=lambda found: (-found[1].excess, *_name(found)))


def _name(found: Found) -> tuple[str, str]:
    return found[0], found[1].field


def reason(found: Sequence[Found]) -> str:
    """Return in words the kinds of drift, and then what each monitor found on each field.

    The kinds come first, as a sentence about many fields shows only its beginning.
    """
    by_monitor: dict[str, list[str]] = {}
    for monitor, drift in found:
        by_monitor.setdefault(monitor, []).append(words(drift))
    kinds = dict.fromkeys(drift.kind for _, drift in found)
    parts = "; ".join(f"{monitor}: {', '.join(parts)}" for monitor, parts in by_monitor.items())
    return f"{' and '.join(f'{kind} drift ({OF_KIND[kind]})' for kind in kinds)} by {parts}"


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


def _usual_grains(rule: DriftRule, place: TablePlace) -> tuple[Grain, ...]:
    """Return all slices that its monitors watch, so that no finding is silent for lack of a grain."""
    return heard_grains(place.policy, rule.monitors)


def heard_grains(policy: Policy, monitors: Collection[str]) -> tuple[Grain, ...]:
    """Return the slices that some of these monitors watch, in the order of the policy."""
    watched = {grain for each in policy.monitors if each.name in monitors for grain in each.grains}
    return tuple(grain for grain in policy.grains if grain in watched)


def _check(rule: DriftRule, place: TablePlace) -> None:
    if rule.scope == "model":
        raise place.refuse("scope", 'must be "version" with kind = "drift": monitors watch each version')
    watched = {grain for each in place.policy.monitors if each.name in rule.monitors for grain in each.grains}
    for text in place.raw.get("slices", ()):
        if place.grain(text) not in watched:
            raise place.refuse("slices", f"is watched by none of the monitors {', '.join(rule.monitors)}", text)


def _waits(place: TablePlace) -> bool:
    """Tell whether a rule listens only to monitors that have no profile yet."""
    waiting = place.policy.waiting
    named = place.raw.get("monitors", [*(each.name for each in place.policy.monitors), *waiting])
    return isinstance(named, list) and bool(named) and set(named) <= {*waiting}


def _detects(rule: DriftRule) -> Iterator[str]:
    yield "what its monitors see"


KIND = RuleKind(
    name="drift",
    rule=DriftRule,
    evaluator=DriftEvaluator,
    recovery=by_verdict,
    when=lambda rule: f"drift is found by {', '.join(rule.monitors)}",
    detects=_detects,
    usual_grains=_usual_grains,
    check=_check,
    waits=_waits,
    saved=(
        Saved("rule.drift", DriftRule),
        Saved(
            "drift",
            DriftEvaluator,
            ("rule", "_grains", "_pane_ms", "_known_ms", "_heard", "_words", "_seen", "_announced"),
            version=2,
            upgrades={1: renamed({"_told": "_announced"})},
        ),
    ),
)
