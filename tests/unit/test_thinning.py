"""Latency of few users who come again and again, each as slow as he is: how many there are is what counts."""

from random import Random

import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.policy_file.toml import parse
from operators.rules.thinning import thinned, thinned_each
from operators.window.pane_items import Closed
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Release
from tests.releasing import PANE_MS, START
from tests.unit.test_exceeding import TEXT, parts

LATENCY = TEXT.replace("quantile = 0.95", "quantile = 0.5").replace(
    ', { name = "cost_usd", statistic = "mean", tolerance = 0.2 }', ""
)
POLICY = parse(LATENCY)


def rolled_back(seed: int, times: float = 1.0, users: int = 10) -> bool:
    """Whether a candidate of so many users is rolled back; each version's users have latencies of their own."""
    random, judge = Random(seed), ShardEvaluation(POLICY)
    latency = {(version, user): 300 * random.lognormvariate(0, 0.7) for version in "12" for user in range(2 * users)}
    for pane in range(START, START + 40):
        bodies = [
            {
                "request_id": f"{version}-{pane}-{user}-{number}",
                "ts": pane * PANE_MS,
                "model": "m",
                "version": f"v{version}",
                "slices": {"region": "eu"},
                "user_id": f"{version}-{user}",
                "latency_ms": latency[version, user] * random.lognormvariate(0, 0.1) * (times if version == "2" else 1),
            }
            for version, count in (("1", 2 * users), ("2", users))
            for user in range(count)
            for number in range(100 // users)
        ]
        said = Release(id="c", ts=0, model="m", candidate="v2", baseline="v1")
        closed = Closed(pane=pane, on_time=parts(bodies, LATENCY), commands=(said,) if pane == START + 5 else ())
        for each in judge.push(PaneWithWindows(closed=closed, windows=())):
            if any(event.type == "rollback" for event in each.events):
                return True
    return False


def test_few_users_who_are_slow_by_chance_roll_nothing_back() -> None:
    """Counted event by event, two of these three did."""
    assert not any(rolled_back(seed) for seed in range(3))


def test_many_who_are_slower_do() -> None:
    assert rolled_back(1, times=10.0, users=50)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.9])
def test_a_share_is_exact_on_average_and_never_more_than_one_off(share: float) -> None:
    counts = np.array([[1, 40], [7, 0]])
    each = np.array([thinned(counts, share, pane, "region=eu") for pane in range(4_000)])
    assert (abs(each - counts * share) < 1).all()
    assert each.mean(axis=0) == pytest.approx(counts * share, abs=0.04)
    assert thinned(counts, 1.0, 5, "*") is counts


def test_those_of_many_slices_are_thinned_as_each_is_by_itself() -> None:
    random = np.random.default_rng(1)
    counts, shares = random.integers(0, 90, (30, 3, 2)), random.choice([0.1, 0.7, 1.0], 30)
    texts = [f"region={number}" for number in range(30)]
    each = [thinned(one, share, 5, text) for one, share, text in zip(counts, shares, texts, strict=True)]
    assert thinned_each(counts, shares, 5, texts).tolist() == [one.tolist() for one in each]
