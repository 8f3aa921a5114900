"""Drift: one of a rule's monitors has found it on a slice; what each says of a series stands until it says otherwise.

BAD while a monitor says BAD, OK once one says OK and none BAD, else INSUFFICIENT. A window without enough values
changes nothing: BAD stays BAD.
"""

from collections.abc import Sequence

from operators.control import Evidence, Word
from operators.drift.drifted import Drift, Heard
from operators.policy import Policy
from operators.rules import DriftRule
from operators.verdict.verdicts import Verdict
from operators.window.slots import Reported

Key = tuple[str, str, str]  # Model, version, slice.


class DriftEvaluator:
    """State: by series what each monitor last said, what the rule said, and when, Unix ms."""

    def __init__(self, rule: DriftRule, policy: Policy) -> None:
        self.rule = rule
        self._grains = {frozenset(policy.dimensions[index] for index in grain) for grain in rule.grains}
        self._pane_ms = policy.pane_ms
        self._known_ms = policy.releases.known_ms
        self._heard: dict[Key, dict[str, Heard]] = {}
        self._words: dict[Key, Word] = {}
        self._seen: dict[Key, int] = {}

    def step(self, pane: int, heard: Sequence[Heard]) -> list[Verdict]:
        """Take what monitors said at a pane; return the verdicts that changed."""
        changed: dict[Key, Reported] = {}
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

    def _verdict(self, key: Key, series: Reported, pane: int) -> list[Verdict]:
        said = self._heard[key]
        bad = [each for each in said.values() if each.word == "BAD"]
        word: Word = "BAD" if bad else "OK"
        if word == self._words.get(key):
            return []
        self._words[key] = word
        worst = max(bad or said.values(), key=lambda each: (each.worst.excess, each.monitor))
        evidence = _evidence(worst.worst, reason(bad) if bad else f"{worst.monitor} finds no drift any more")
        return [Verdict(rule=self.rule.name, series=series, word=word, pane=pane, evidence=evidence)]

    def _forget(self, before: int) -> None:
        gone = [key for key, seen in self._seen.items() if seen < before]
        for key in gone:
            del self._seen[key], self._heard[key], self._words[key]


def reason(bad: Sequence[Heard]) -> str:
    """Return in words what is BAD: each monitor, how it measures, and its fields, a few of many."""
    parts = []
    for each in bad:
        worst = each.worst
        others = f" and {len(each.fields) - 1} more" if len(each.fields) > 1 else ""
        against = f" against {worst.reference}" if worst.reference else ""
        detail = f" ({worst.detail})" if worst.detail else ""
        score = "" if worst.score is None else f" {worst.score:.4g}"
        limit = "" if worst.threshold is None else f", limit {worst.threshold:.4g}"
        parts.append(f"{each.monitor}: {worst.method}{score} of {worst.field}{others}{against}{limit}{detail}")
    return "; ".join(parts)


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
    )
