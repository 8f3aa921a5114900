"""Latency and cost in a canary: what counts as exceeding, and what comes of it."""

from collections.abc import Sequence
from random import Random

import msgspec
import numpy as np
import pytest

from flows.check_rules import when
from operators.arrays import Ints
from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.rules.arm_values import ComparedLeaves, by_arm, edges_of, exceeding_counts
from operators.rules.canary_keys import Canary
from operators.rules.comparison import Comparison
from operators.rules.exceeding import Exceeding, Limit, columns, limits_of, renew
from operators.rules.gathered_values import GatheredValues
from operators.rules.spreads import NO_SPREADS, Spreads, spreads_of
from operators.rules.value_history import BASELINE, CANDIDATE
from operators.stats.histogram import GAMMA, codes_of, values_of
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.sliced_leaves import SlicedLeaves
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Release
from operators.wire.control import ControlEvent
from tests.dataflows.making import received
from tests.releasing import BASE, CANARY, PANE_MS, RELEASE, START

MEASURES = 'measures = [{ name = "latency_ms", quantile = 0.95, tolerance = 0.1 }, COST]\n'
COST = '{ name = "cost_usd", statistic = "mean", tolerance = 0.2 }'
TEXT = (
    BASE.replace('["latency_ms"]', '["latency_ms", "cost_usd", "feedback.judge"]')
    + CANARY.replace("margin_points = 0.05", "margin_points = 0.0")
    + MEASURES.replace("COST", COST)
    + RELEASE
)
POLICY = parse(TEXT)
MINUTE = START * PANE_MS // 60_000
Times = dict[str, float]  # How many times as large the values of the candidate are.


def part_of(
    pane: int, random: Random, times: Times, candidate: bool = True, text: str = TEXT, old: Times | None = None
) -> Partial:
    """Some 200 requests of v1, and of v2, whose latency and cost are what v1's are, times something; `old`: v1's."""
    bodies = []
    for version, count in (("v1", 200), ("v2", 100))[: 2 if candidate else 1]:
        for number in range(count):
            factor = times if version == "v2" else old or {}
            bodies.append(
                {
                    "request_id": f"{version}-{pane}-{number}",
                    "ts": pane * PANE_MS,
                    "model": "m",
                    "version": version,
                    "slices": {"region": random.choice(["eu", "us"])},
                    "error_type": "500" if random.random() < 0.05 else None,
                    "latency_ms": 300 * random.lognormvariate(0, 0.5) * factor.get("latency_ms", 1.0),
                    "cost_usd": 0.01 * random.lognormvariate(0, 1) * factor["cost_usd"]
                    if "cost_usd" in factor
                    else 0.01 * random.lognormvariate(0, 1),
                }
            )
    return parts(bodies, text)


def parts(bodies: Sequence[dict[str, object]], policy_text: str) -> Partial:
    partition = Partition("log", "events", ("log",), parse(policy_text))
    batch = partition.take(received([msgspec.json.encode(body) for body in bodies]))
    assert not batch.rejects
    return merge([part for _, given in batch.inputs for _, part in given.partials])


def told(times: Times, panes: int = 60, text: str = TEXT) -> list[ControlEvent]:
    """What is said of a release whose candidate is so many times as slow and dear, and fails no more often."""
    policy, random = parse(text), Random(3)
    judge = ShardEvaluation(policy)
    events: list[ControlEvent] = []
    for pane in range(START, START + panes):
        began = pane == START + 5
        said = Release(id="c", ts=0, model="m", candidate="v2", baseline="v1", metadata={})
        part = part_of(pane, random, times, candidate=pane >= START + 5, text=text)
        closed = Closed(pane=pane, on_time=part, commands=(said,) if began else ())
        events += [event for each in judge.push(PaneWithWindows(closed=closed, windows=())) for event in each.events]
    return events


def test_an_equal_candidate_is_promoted() -> None:
    types = [event.type for event in told({}, 60)]
    assert "rollback" not in types
    assert "promote" in types


@pytest.mark.parametrize(("times", "measure"), [({"latency_ms": 10.0}, "latency_ms"), ({"cost_usd": 5.0}, "cost_usd")])
def test_a_candidate_ten_times_as_slow_or_five_times_as_dear_is_rolled_back(times: Times, measure: str) -> None:
    events = told(times)
    assert "promote" not in [event.type for event in events]
    rollback = next(event for event in events if event.type == "rollback")
    assert {each.evidence.measure for each in rollback.slices if each.slice == "*"} == {measure}
    evidence = rollback.slices[0].evidence
    assert evidence.sli is None
    assert evidence.candidate is not None
    assert evidence.reason is not None
    assert measure in evidence.reason


def test_a_measure_that_is_not_there_holds_the_promotion_unless_the_policy_says_otherwise() -> None:
    absent = TEXT.replace("cost_usd", "metrics.gpu")
    assert "promote" not in [event.type for event in told({}, 60, absent)]
    anyway = absent.replace('blip = "0s"', 'blip = "0s"\nwithout_data = "promote"')
    assert "promote" in [event.type for event in told({}, 60, anyway)]
    slow = told({"latency_ms": 10.0}, 60, anyway)
    assert next(event.type for event in slow if event.type != "alert") == "rollback"


def test_exactly_as_much_more_as_is_tolerated_never_exceeds_more_often() -> None:
    """The bucket of 1.1 x is at most so many steps above that of x, for every x."""
    for tolerance in (0.0, 0.02, 0.1, 0.2, 1.0):
        rule = msgspec.structs.replace(
            canary(), measures=(msgspec.structs.replace(canary().measures[0], tolerance=tolerance),)
        )
        (limit,) = limits_of(rule, POLICY)
        values = np.geomspace(1e-6, 1e6, 100_001)
        assert (codes_of(values * (1 + tolerance)) <= codes_of(values) + limit.steps).all()
        assert GAMMA**limit.steps < (1 + tolerance) * GAMMA


def canary() -> Canary:
    (rule,) = (rule for rule in POLICY.rules if isinstance(rule, Canary))
    return rule


def counted(exceeding: Exceeding, spreads: Spreads) -> list[list[Ints]]:
    """Learn the values of a pane, and return good and bad ones of candidate and baseline by finest slice."""
    values = by_arm(spreads, ComparedLeaves([Comparison("m", "v2", "v1", START, START)]), range(3))
    gathered = GatheredValues()
    gathered.add([exceeding], MINUTE, values)
    gathered.settle()
    counts = exceeding_counts(values, exceeding.limits, edges_of(exceeding.limits, [exceeding]))
    some = counts.any(axis=(1, 2))
    return [list(counts[some & (values.arm == arm)]) for arm in (CANDIDATE, BASELINE)]


def test_limits_are_set_by_the_baseline_alone_and_before_what_they_judge() -> None:
    exceeding = Exceeding(limits=limits_of(canary(), POLICY))
    first = spreads_of(part_of(START, Random(1), {"latency_ms": 50.0}), SlicedLeaves(POLICY.dimensions))
    assert counted(exceeding, first) == [[], []], "no limit is known yet"
    renew([exceeding])
    alone = Exceeding(limits=limits_of(canary(), POLICY))
    counted(alone, spreads_of(part_of(START, Random(1), {}, candidate=False), SlicedLeaves(POLICY.dimensions)))
    renew([alone])
    assert exceeding.codes == alone.codes
    before = dict(exceeding.codes)
    arms = counted(exceeding, first)
    assert exceeding.codes == before
    bad, n = (
        (sum(counts[0, 1] for counts in arm) for arm in arms),
        [sum(counts[0].sum() for counts in arm) for arm in arms],
    )
    assert n == [100, 200]
    slow, baseline = bad
    assert slow == 100
    assert baseline <= 10, "5 % of its own"
    assert counted(exceeding, NO_SPREADS) == [[], []]


def limits_over(minutes: Sequence[float]) -> list[float]:
    """Return the limit of p95 that each minute is judged by, in ms, where latency is so many times as large in each."""
    (limit,) = (each for each in limits_of(canary(), POLICY) if each.name == "latency_ms")
    exceeding, random, told = Exceeding(limits=(limit,)), np.random.default_rng(1), []
    for times in minutes:
        told.append(GAMMA ** exceeding.codes[0] if exceeding.codes else float("nan"))
        values = 300 * times * random.lognormal(0, 0.5, 500)
        exceeding.values[limit.measure] = np.unique(codes_of(values), return_counts=True)
        renew([exceeding])
    return told


def test_slow_minutes_hardly_move_a_limit_and_are_soon_forgotten() -> None:
    """Six of them hid a candidate that was twice as slow for two hours."""
    usual = 300 * np.exp(0.5 * 1.645)
    told = limits_over([1.0] * 8 + [10.0] * 6 + [1.0] * 20)
    assert max(told[1:]) < 1.3 * usual
    at_first = limits_over([10.0] * 6 + [1.0] * 20)
    assert max(at_first[14:]) < 1.3 * usual
    for_good = limits_over([1.0] * 30 + [3.0] * 12)
    assert for_good[-1] == pytest.approx(3 * usual, rel=0.2)


def test_a_limit_needs_values_of_which_some_are_beyond_it() -> None:
    exceeding = Exceeding(limits=(Limit("ms", 0, 0.99, 0.0, 0),))
    codes = codes_of(np.arange(1.0, 100.0))
    for blip in range(6):
        assert exceeding.codes == {}, f"after {99 * blip} values"
        before = exceeding.values.get(0, (codes, np.zeros(99, np.int64)))
        exceeding.values[0] = codes, before[1] + 1
        renew([exceeding])
    assert 0 in exceeding.codes


@pytest.mark.parametrize("quantile", [None, 0.0, 0.5, 0.95, 0.99])
def test_limits_of_many_releases_are_those_of_each_by_itself(quantile: float | None) -> None:
    random, limit = np.random.default_rng(1), Limit("ms", 0, quantile, 0.0, 0)
    several = []
    for size in random.integers(1, 400, 60).tolist():
        codes = np.sort(random.choice(np.arange(-40, 400), size, replace=False))
        several.append((codes, random.integers(1, 50, size)))
    sizes = np.array([len(codes) for codes, _ in several])
    codes, counts = (np.concatenate([each[at] for each in several]) for at in (0, 1))
    found = limit.codes_of_each(codes, counts, np.cumsum(sizes) - sizes)
    for (codes, counts), code in zip(several, found, strict=True):
        if quantile is None:
            mean = (values_of(codes) * counts).sum() / counts.sum()
            assert code == codes_of(np.array([mean]))[0] == limit.code_of(codes, counts)
        else:
            place = np.searchsorted(np.cumsum(counts), quantile * counts.sum())
            assert code == codes[place] == limit.code_of(codes, counts)


def test_free_requests_and_constant_costs() -> None:
    limit = Limit("cost_usd", 0, None, 0.2, 10)
    zero = limit.code_of(codes_of(np.array([0.0])), np.array([100]))
    assert codes_of(np.array([0.0]))[0] <= zero
    assert codes_of(np.array([1e-9]))[0] > limit.of_candidate(zero)
    same = limit.code_of(codes_of(np.array([0.01])), np.array([100]))
    assert codes_of(np.array([0.01]))[0] <= same
    assert codes_of(np.array([0.0119]))[0] <= limit.of_candidate(same)
    assert codes_of(np.array([0.0125]))[0] > limit.of_candidate(same)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "latency_ms", q', 'name = "ttft_ms", q', "'ttft_ms': must be among measures.names"),
        ('name = "latency_ms", q', 'name = "feedback.judge", q', "'feedback.judge': must be among measures.names"),
        ('statistic = "mean", ', "", "either `quantile` or"),
        ('statistic = "mean"', 'statistic = "p95"', "either `quantile` or"),
        ('statistic = "mean"', 'statistic = "mean", quantile = 0.5', "either `quantile` or"),
        ('"cost_usd", statistic = "mean"', '"latency_ms", quantile = 0.95', "is named twice"),
        ("quantile = 0.95", "quantile = 95", "must be a number below 1"),
        ("tolerance = 0.1", "tolerance = -0.1", "must be a number at least 0"),
        ('blip = "0s"', 'without_data = "ignore"', "'ignore'"),
    ],
)
def test_a_wrong_measure_is_refused(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(PolicyError) as refused:
        parse(
            TEXT.replace(old, new, 1)
            if old.startswith("blip")
            else TEXT.replace(MEASURES.replace("COST", COST), MEASURES.replace("COST", COST).replace(old, new))
        )
    assert said in str(refused.value)


def test_check_says_what_may_not_be_larger_and_alpha_is_shared() -> None:
    assert "p95 of latency_ms by more than 0.1 of it, mean of cost_usd by more than 0.2 of it" in when(canary())
    assert columns(canary()) == 1 + 1 + 2 == 1 + len(limits_of(canary(), POLICY))
