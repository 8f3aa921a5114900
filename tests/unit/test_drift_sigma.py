"""Judge means: a fall within an hour is found, and chance alarms as often as the policy says."""

import numpy as np
import pytest

from operators.arrays import Floats, Ints
from operators.drift.false_alarms import of_sigma
from operators.stats.welch import Scores, fall, scores_of

GRADES, SHARES = np.arange(1, 6), [0.02, 0.03, 0.1, 0.35, 0.5]
MEAN = float(GRADES @ SHARES)
SD = float(np.sqrt((GRADES - MEAN) ** 2 @ SHARES))


def scores(values: Floats) -> Scores:
    return scores_of(np.array([len(values)]), np.array([values.sum()]), np.array([(values**2).sum()]))


def of_counts(counts: Ints) -> Scores:
    """Scores of windows by how often each grade was given."""
    return scores_of(counts.sum(1), counts @ GRADES.astype(float), counts @ GRADES.astype(float) ** 2)


def judged(n: int, seed: int, lower: float = 0.0) -> Scores:
    return scores(np.random.default_rng(seed).choice(GRADES, n, p=SHARES) - lower)


def test_a_fall_of_two_deviations_is_found_within_the_hour() -> None:
    """The story of the judge: 180 scores an hour."""
    assert fall(judged(180, 1, lower=2 * SD), judged(1_000, 2)).alarm.tolist() == [True]


def test_a_fall_of_four_and_a_half_standard_errors_is_found_and_a_rise_is_not() -> None:
    error = SD * np.sqrt(1 / 180 + 1 / 100_000)
    baseline = judged(100_000, 1)
    exact = Scores(n=np.array([180]), mean=np.array([MEAN - 4.5 * error]), variance=np.array([SD**2]))
    better = Scores(n=exact.n, mean=np.array([MEAN + 9 * error]), variance=exact.variance)
    found = fall(exact, baseline)
    assert found.errors[0] == pytest.approx(4.5, abs=0.1)
    assert found.alarm.tolist() == [True]
    assert fall(better, baseline).alarm.tolist() == [False]


def test_few_scores_say_nothing() -> None:
    found = fall(judged(29, 1, lower=3.0), judged(1_000, 2))
    assert (found.enough.tolist(), found.alarm.tolist(), found.p.tolist()) == ([False], [False], [1.0])
    assert np.isnan(found.errors[0])


def test_scores_that_never_vary() -> None:
    same, lower = scores(np.full(50, 5.0)), scores(np.full(50, 4.0))
    assert fall(same, same).alarm.tolist() == [False]
    assert fall(lower, same).alarm.tolist() == [True]
    assert fall(same, lower).alarm.tolist() == [False]


@pytest.mark.parametrize(("sigmas", "n"), [(2, 30), (2, 180), (3, 30), (3, 180), (3, 1_000)])
def test_chance_alarms_as_often_as_promised(sigmas: float, n: int) -> None:
    """Two versions equally good, 40,000 hours: near the normal tail, with skewed grades too."""
    rng = np.random.default_rng(3)
    current, baseline = (of_counts(rng.multinomial(n, SHARES, 40_000)) for _ in range(2))
    found = fall(current, baseline, sigmas)
    promised = of_sigma(sigmas, 3_600_000) / 168
    noise = 3 * np.sqrt(promised / 40_000)
    assert found.alarm.mean() <= 1.25 * promised + noise
    assert found.alarm.mean() >= 0.5 * promised - noise


@pytest.mark.parametrize("n", [35, 100, 1_000])
def test_skewed_values_alarm_no_more_often_either(n: int) -> None:
    """Amounts, and 5 % ones among zeros: a sample without the few high ones is low, and seems to vary little."""
    rng = np.random.default_rng(n)
    for amounts in (True, False):
        drawn = rng.lognormal(3, 0.7, (10_200, n)) if amounts else (rng.random((10_200, n)) < 0.05).astype(float)
        values, before = drawn[:10_000], drawn[10_000:].ravel()
        current = Scores(n=np.full(10_000, n), mean=values.mean(1), variance=values.var(1, ddof=1))
        found = fall(current, scores(before))
        promised = of_sigma(3, 3_600_000) / 168
        assert found.alarm.mean() <= promised + 3 * np.sqrt(promised / 10_000)


def test_sigmas_are_above_zero() -> None:
    with pytest.raises(ValueError, match="sigmas"):
        fall(judged(50, 1), judged(50, 2), sigmas=0)
