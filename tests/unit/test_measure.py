"""The measure rule on the policy's windows: which statistic, how long, how many."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.rules.measure import MeasureEvaluator, MeasureRule
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.window.sums import split_limbs
from tests.judged import H, M, Watch, pane, policy, series, versions
from tests.saving import again

POLICY = policy()
LATENCY, COST, TOKENS = range(3)
DIGITS = [measure.digits for measure in POLICY.measures]


def rule(**changes: Any) -> MeasureRule:
    fields: dict[str, Any] = {"measure": "latency_ms", "statistic": "p95", "window_ms": 5 * M, "at_most": 1_000}
    return MeasureRule(**({"name": "slow"} | fields | changes))


def window(
    end_pane: int, values: Sequence[tuple[SliceSeries, int, float]], measure: int = LATENCY, size_ms: int = 5 * M
) -> WindowCounts:
    """A window with so many events of some series, each with that value of the measure."""
    count, measures = len(values), len(POLICY.measures)
    sums, quantiles = np.zeros((count, measures, 3), np.int64), np.full((count, measures, 4), np.nan)
    for row, (_, n, value) in enumerate(values):
        total = np.array([round(value * n * 10 ** DIGITS[measure])])
        sums[row, measure] = [n, *np.concatenate(split_limbs(total))]
        quantiles[row, measure] = np.array([0.5, 0.9, 1.0, 1.5]) * value if n else math.nan
    return WindowCounts(
        window=next(each for each in POLICY.windows if each.size_ms == size_ms),
        end_ms=(end_pane + 1) * POLICY.pane_ms,
        names=[name for name, _, _ in values],
        events=np.array([n for _, n, _ in values], np.int64),
        slis=np.zeros((count, 2, 3), np.int64),
        sums=sums,
        extremes=np.zeros((count, measures, 2)),
        quantiles=quantiles,
    )


class Windows:
    """One series of whose window that ends with each pane so many values are in, all the same."""

    def __init__(self, judged: MeasureRule, measure: int = LATENCY) -> None:
        self.seen = Watch(MeasureEvaluator(judged, POLICY))
        self.measure = measure

    def of(self, n: int, value: float, panes: int = 1) -> list[str]:
        told = []
        for _ in range(panes):
            at = self.seen.next
            ended = [window(at, [(self.seen.names[0], n, value)], self.measure)] if n else []
            told += self.seen.take(pane(at, {0: (1, 0)} if n else {}), ended)
        return [verdict.word for verdict in told]


def test_beyond_the_limit_for_the_whole_time_is_bad_and_within_it_as_long_is_ok() -> None:
    run = Windows(rule(for_ms=2 * M))
    assert run.of(500, 900) == ["OK"]
    assert run.of(500, 1_001) == ["INSUFFICIENT"]
    assert run.of(500, 1_001, panes=11) == []
    assert run.of(500, 1_001) == ["BAD"]
    evidence = run.seen.last.evidence
    assert (evidence.n, evidence.value, evidence.threshold) == (500, 1_001, 1_000)
    assert evidence.since == 1_000_001 * 10_000
    assert run.of(500, 900, panes=12) == []
    assert run.of(500, 1_001) == []
    assert run.of(500, 900, panes=12) == []
    assert run.of(500, 900) == ["OK"]


def test_too_few_values_neither_begin_nor_end_anything() -> None:
    run = Windows(rule(n_min=100))
    assert run.of(99, 5_000, panes=100) == []
    assert run.of(100, 5_000) == ["BAD"]
    assert run.of(99, 10) == []
    assert run.of(0, 0, panes=100) == []
    assert run.seen.rule.held().tolist() == [0]
    assert run.of(100, 10) == ["OK"]
    assert not run.seen.rule.quiet
    assert run.of(0, 0) == ["INSUFFICIENT"]
    assert run.seen.rule.quiet


@pytest.mark.parametrize(
    ("changes", "measure", "value", "expected"),
    [
        ({"statistic": "mean"}, LATENCY, 1_500.5, 1_500.5),
        ({"statistic": "p50", "at_most": 700}, LATENCY, 1_500, 750),
        ({"statistic": "p90", "at_most": 700}, LATENCY, 1_500, 1_350),
        ({"statistic": "p99"}, LATENCY, 1_500, 2_250),
        ({"measure": "cost_usd", "statistic": "per_1k", "at_most": 3}, COST, 0.004, 4),
        ({"measure": "input_tokens", "statistic": "mean", "at_most": 10**9}, TOKENS, 3 * 10**9, 3 * 10**9),
        ({"at_most": None, "at_least": 2_000}, LATENCY, 1_500, 1_500),
        ({"at_least": 1, "at_most": 1_000}, LATENCY, 0.5, 0.5),
    ],
)
def test_each_statistic_is_compared_with_its_limit(
    changes: dict[str, Any], measure: int, value: float, expected: float
) -> None:
    judged = rule(**changes)
    run = Windows(judged, measure)
    assert run.of(200, value) == ["BAD"]
    assert run.seen.last.evidence.value == pytest.approx(expected)
    assert run.seen.last.evidence.threshold == changes.get("at_least", judged.at_most)


def test_a_window_is_judged_when_it_ends_and_time_counts_its_steps() -> None:
    """1 h every 1 m, for 5 m: six ends, 5 m from the first to the last."""
    seen = Watch(MeasureEvaluator(rule(window_ms=H, for_ms=5 * M), POLICY), start=6_000)
    words = []
    for number in range(6_000, 6_040):
        ends = (number + 1) % 6 == 0
        ended = [window(number, [(seen.names[0], 200, 5_000)], size_ms=H)] if ends else []
        words.append([verdict.word for verdict in seen.take(pane(number, {0: (1, 0)}), ended)])
    assert words.index(["BAD"]) == 5 + 5 * 6


def test_between_two_ends_of_its_window_the_numbers_are_those_of_the_last() -> None:
    """What is told again then (a hold, a silence that ends) had those of the day when it turned BAD."""
    judged = MeasureEvaluator(rule(window_ms=H), POLICY)
    seen = Watch(judged, versions(3), start=6_000)
    for number in range(6_000, 6_016):
        ended = [window(number, [(seen.names[2], 200, number - 1_000)], size_ms=H)] if (number + 1) % 6 == 0 else []
        seen.take(pane(number, {2: (1, 0)}), ended)
    assert seen.last.evidence.value == 5_005
    word, evidence = judged.current(2, seen.names)
    assert (word, evidence and evidence.value, evidence and evidence.n) == ("BAD", 5_011, 200)
    judged = again(judged)
    judged.only(judged.held())
    assert judged.current(0, seen.names[2:]) == (word, evidence)


def test_only_the_slices_of_the_rule_and_known_series_are_judged() -> None:
    names = [series("v1"), series("v1", region="eu"), series("v2")]
    seen = Watch(MeasureEvaluator(rule(), POLICY), names)
    everyone = [(name, 200, 5_000.0) for name in [series("v0"), *reversed(names)]]
    seen.take(pane(11), [window(11, everyone)])
    assert sorted(verdict.series.version for verdict in seen.told) == ["v1", "v2"]
    assert {verdict.series.text for verdict in seen.told} == {"*"}


def test_series_keep_their_state_when_slots_are_given_anew() -> None:
    judged = MeasureEvaluator(rule(for_ms=M), POLICY)
    seen = Watch(judged, versions(3))
    for number in range(3):
        seen.take(pane(number, {2: (1, 0)}), [window(number, [(seen.names[2], 200, 5_000.0)])])
    assert judged.held().tolist() == [2]
    judged.only(judged.held())
    name = seen.names[2]
    seen.names = [name]
    words = [
        (number, verdict.word)
        for number in range(3, 10)
        for verdict in seen.take(pane(number, {0: (1, 0)}), [window(number, [(name, 200, 5_000.0)])])
    ]
    assert words == [(6, "BAD")]
