"""Bounds of measures hold, and rules on measures do not alarm by chance."""

import numpy as np
import pytest
from scipy.stats import binom

from operators.arrays import Floats, Ints
from operators.policy_file.toml import parse
from operators.release.proof import proof
from operators.rules.measure import MeasureEvaluator, MeasureRule
from operators.stats.histogram import codes_of
from operators.window.bounds import WindowSums, bounds_of, most
from operators.window.kept_ranks import kept_ranks
from operators.window.paged import PagedHistograms
from operators.window.sliding import WindowCounts
from operators.window.sums import split_limbs
from operators.wire.control import Evidence
from tests.bench.simulate_measure import alarms
from tests.judged import POLICY, Watch, pane, versions

RULE = """
[[rule]]
name = "slow"
kind = "measure"
measure = "latency_ms"
statistic = "{}"
at_most = {}
window = "5m"
n_min = 20
"""


def test_the_order_statistic_is_the_one_of_the_binomial() -> None:
    n = np.arange(1, 400)
    for p in (0.05, 0.5, 0.95, 0.99):
        ours = most(n, p, 0.01)
        assert (binom.cdf(ours, n, p) < 0.01).all()
        assert (binom.cdf(ours + 1, n, p) >= 0.01).all()


def bounds(statistic: str, values: Floats) -> Floats:
    """The bounds of each row of values, of one rule, through the histograms of a window."""
    policy = parse(POLICY + RULE.format(statistic, 1))
    (rule,) = policy.rules
    assert isinstance(rule, MeasureRule)
    rows, n = values.shape
    histograms = PagedHistograms(len(policy.measures))
    slots: Ints = np.repeat(np.arange(rows), n)
    ones = np.ones(rows * n, np.int64)
    histograms.add(slots, 0 * ones, codes_of(values.ravel()), ones)
    digits = policy.measures[0].digits
    high, low = split_limbs(np.rint(values * 10.0**digits).astype(np.int64).sum(axis=1))
    sums = np.zeros((rows, len(policy.measures), 3), np.int64)
    sums[:, 0] = np.column_stack((np.full(rows, n), high, low))
    slis = np.zeros((rows, len(policy.slis), 3), np.int64)
    return bounds_of(rule, policy, WindowSums(histograms, np.arange(rows), sums, slis, np.full(rows, n)))


@pytest.mark.parametrize(("statistic", "true"), [("p50", 1.0), ("p95", 5.1803), ("mean", np.exp(0.5))])
def test_a_bound_is_wrong_as_seldom_as_it_says(statistic: str, true: float) -> None:
    """Of log-normal values each one-sided bound errs in 1 %; of their skewed mean the upper one somewhat more."""
    found = bounds(statistic, np.exp(np.random.default_rng(1).normal(size=(3_000, 300))))
    assert (found[:, 0] > true).mean() <= 0.013
    assert (found[:, 1] < true).mean() <= (0.04 if statistic == "mean" else 0.013)
    assert (found[:, 0] < found[:, 1]).all()


PER = """
[[rule]]
name = "dear"
kind = "measure"
measure = "cost_usd"
statistic = "{}"
at_most = 1
window = "5m"
"""


@pytest.mark.parametrize(("statistic", "true"), [("per_success", 2.0 / 0.3), ("per_kpi", 2.0 / (0.5 * 4.0))])
def test_what_a_success_or_a_kpi_costs_is_bounded_as_seldom_wrongly_as_it_says(statistic: str, true: float) -> None:
    """Costs of 2 in the mean; three requests in ten succeed, half of them bring a KPI of 4 in the mean."""
    per = PER.format(statistic) + ('success = "ok"\n' if statistic == "per_success" else "")
    policy = parse(POLICY.replace('"input_tokens"]', '"input_tokens", "feedback.kpi"]') + per)
    (rule,) = policy.rules
    assert isinstance(rule, MeasureRule)
    random, rows, n = np.random.default_rng(2), 1_000, 400
    cost, kpi = random.gamma(4.0, 0.5, (rows, n)), random.gamma(4.0, 1.0, (rows, n // 2))
    good = random.binomial(n, 0.3, rows)
    histograms = PagedHistograms(len(policy.measures))
    sums = np.zeros((rows, len(policy.measures), 3), np.int64)
    names = [measure.name for measure in policy.measures]
    for name, values in (("cost_usd", cost), ("feedback.kpi", kpi)):
        index = names.index(name)
        slots: Ints = np.repeat(np.arange(rows), values.shape[1])
        ones = np.ones(values.size, np.int64)
        histograms.add(slots, index * ones, codes_of(values.ravel()), ones)
        whole = np.rint(values * 10.0 ** policy.measures[index].digits).astype(np.int64).sum(axis=1)
        sums[:, index] = np.column_stack((np.full(rows, values.shape[1]), *split_limbs(whole)))
    slis = np.zeros((rows, len(policy.slis), 3), np.int64)
    slis[:, 0, 0], slis[:, 0, 1] = good, n - good
    found = bounds_of(rule, policy, WindowSums(histograms, np.arange(rows), sums, slis, np.full(rows, n)))
    assert (found[:, 0] > true).mean() <= 0.013
    assert (found[:, 1] < true).mean() <= 0.013
    assert (found[:, 1] / found[:, 0]).mean() < 2.0


def test_without_enough_values_there_is_no_bound() -> None:
    assert bounds("p95", np.ones((1, 10))).tolist()[0][1] == np.inf
    assert bounds("mean", np.ones((1, 1))).tolist() == [[-np.inf, np.inf]]


def test_a_value_beyond_the_limit_that_may_be_chance_is_not_bad() -> None:
    policy = parse(POLICY + RULE.format("p95", 100))
    (rule,) = policy.rules
    assert isinstance(rule, MeasureRule)
    watch = Watch(MeasureEvaluator(rule, policy))

    def window(low: float, value: float) -> list[str]:
        counts = WindowCounts(
            window=policy.windows[1],
            end_ms=(watch.next + 1) * policy.pane_ms,
            names=versions(1),
            events=np.array([200]),
            slis=np.zeros((1, 2, 3), np.int64),
            sums=np.full((1, 3, 3), 200),
            extremes=np.zeros((1, 3, 2)),
            quantiles=np.full((1, 3, 4), value),
            bounds={"slow": np.array([[low, 2 * value]])},
        )
        return [verdict.word for verdict in watch.take(pane(watch.next, {0: (1, 0)}), [counts])]

    assert window(40.0, 90.0) == ["OK"]
    assert window(90.0, 120.0) == ["INSUFFICIENT"]
    assert window(101.0, 120.0) == ["BAD"]
    assert (watch.last.evidence.lower, watch.last.evidence.upper) == (101.0, 240.0)
    assert window(90.0, 120.0) == []  # It may be over, and it may not.
    assert window(40.0, 90.0) == ["OK"]


def test_false_alarms_of_a_p95_within_its_limit() -> None:
    """At 0.4 requests a second, true p95 at 85 and 95 % of the limit: none by its bound, several by the value."""
    value, bound = np.sum([alarms(0.4, ratio, weeks=3, seed=1) for ratio in (0.85, 0.95)], axis=0).tolist()
    assert value > 0
    assert bound == 0


def test_evidence_says_how_sure_it_is() -> None:
    evidence = Evidence(
        measure="p95 of latency_ms", n=200, value=120, threshold=100, lower=101, upper=150, confidence=0.99
    )
    assert proof(evidence) == ("p95 of latency_ms: 120, of 200 values, surely 101 to 150, where the limit is 100")


def test_a_rank_that_is_kept_is_the_one_worked_out() -> None:
    random = np.random.default_rng(4)
    for _ in range(20):
        n = random.integers(0, random.choice([9, 400, 1 << 18]), 50)
        assert kept_ranks(most, n, 0.95, 0.01).tolist() == most(n, 0.95, 0.01).tolist()
