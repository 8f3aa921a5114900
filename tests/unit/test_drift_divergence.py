"""Scores of histograms, and whether chance gives as much."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from operators.arrays import Floats
from operators.stats.distributions import beta_binomial_tail, chi_square_quantile
from operators.stats.divergence import Counts, hellinger, jensen_shannon, kl, likelihood_ratio, psi
from operators.stats.psi import shift

Score = Callable[[Counts, Counts], Floats]

WINDOWS = 400_000 if os.environ.get("ROLLGUARD_PROVE") == "1" else 100_000

SCORES: list[Score] = [psi, kl, jensen_shannon, hellinger]
CURRENT, REFERENCE = np.array([30, 0, 70]), np.array([500, 100, 400])


def test_psi_is_both_divergences_of_the_smoothed_shares() -> None:
    q, p = (np.array([30.5, 0.5, 70.5]) / 101.5, np.array([500.5, 100.5, 400.5]) / 1001.5)
    assert kl(CURRENT, REFERENCE) == pytest.approx(sum(q * np.log(q / p)))
    assert psi(CURRENT, REFERENCE) == pytest.approx(sum(q * np.log(q / p)) + sum(p * np.log(p / q)))


def test_hellinger_is_one_less_the_overlap() -> None:
    q, p = (np.array([30.5, 0.5, 70.5]) / 101.5, np.array([500.5, 100.5, 400.5]) / 1001.5)
    assert hellinger(CURRENT, REFERENCE) == pytest.approx(np.sqrt(1 - np.sqrt(q * p).sum()))


@pytest.mark.parametrize("score", SCORES)
def test_series_share_an_array_filled_up_with_empty_bins(score: Score) -> None:
    """A bin that is empty in both is none, wherever it stands."""
    narrow = score(CURRENT, REFERENCE)
    wide = score(np.array([[30, 0, 0, 70, 0], [0, 7, 0, 5, 6]]), np.array([500, 100, 0, 400, 0]))
    assert wide.shape == (2,)
    assert wide[0] == pytest.approx(score(np.array([30, 0, 70]), np.array([500, 100, 400])))
    assert narrow == pytest.approx(wide[0])


@pytest.mark.parametrize("score", SCORES)
def test_without_data_there_is_no_distance(score: Score) -> None:
    assert np.isnan(score(np.zeros((2, 3), int), REFERENCE)).all()
    assert np.isnan(score(CURRENT, np.zeros(3, int)))


@pytest.mark.parametrize("score", SCORES)
def test_other_bins_are_refused(score: Score) -> None:
    with pytest.raises(ValueError, match="equal bins"):
        score(CURRENT, np.array([1, 2]))


def test_ranges() -> None:
    apart = np.array([10**9, 0]), np.array([0, 10**9])
    assert jensen_shannon(*apart) == pytest.approx(np.log(2))
    assert hellinger(*apart) == pytest.approx(1, abs=1e-4)
    for score in SCORES:
        assert score(CURRENT * 7, CURRENT * 7) == 0


def test_likelihood_ratio_is_the_weighted_jensen_shannon() -> None:
    pooled = (CURRENT + REFERENCE) / 1100
    current = sum(n * np.log(n / (100 * p)) for n, p in zip(CURRENT, pooled, strict=True) if n)
    reference = sum(n * np.log(n / (1000 * p)) for n, p in zip(REFERENCE, pooled, strict=True))
    assert likelihood_ratio(CURRENT, REFERENCE) == pytest.approx(2 * (current + reference))


def test_the_threshold_is_the_larger_of_what_matters_and_of_chance() -> None:
    found = shift(np.full((3, 10), [[6], [60], [600]]), np.full(10, 600), alpha=0.01)
    chance = chi_square_quantile(0.01, 9) * (1 / (np.array([60, 600, 6000])) + 1 / 6000)
    np.testing.assert_allclose(found.threshold, np.maximum(chance, 0.2))
    assert found.threshold[0] == pytest.approx(0.3647, abs=1e-3)


def test_a_small_window_neither_alarms_nor_counts() -> None:
    found = shift(np.array([[49, 0], [60, 0]]), np.array([500, 500]))
    assert found.enough.tolist() == [False, True]
    assert found.alarm.tolist() == [False, True]
    assert found.p[0] == 1


def test_a_large_window_does_not_alarm_on_trifles() -> None:
    found = shift(np.array([520_000, 480_000]), np.array([500_000, 500_000]))
    assert found.score < 0.002
    assert found.p == 1
    assert not found.alarm


@pytest.mark.parametrize("alpha", [0, 1, float("nan")])
def test_alpha_is_a_share(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        shift(CURRENT, REFERENCE, alpha=alpha)


@pytest.mark.parametrize(
    ("n", "shares"), [(100, [0.1] * 10), (1_000, [0.99, 0.01]), (200, [0.95, 0.05]), (1_000, [0.3] + [0.7 / 29] * 29)]
)
def test_p_values_are_honest_far_out(n: int, shares: list[float]) -> None:
    """Many features are judged at once, so it is the tail that counts: of all windows at most twice the promise."""
    rng = np.random.default_rng(1)
    current, reference = rng.multinomial(n, shares, WINDOWS), rng.multinomial(20_000, shares, WINDOWS)
    p = shift(current, reference, psi_min=0.0).p
    for alpha, at_most in ((1e-2, 1.3), (1e-3, 1.5), (1e-4, 2.0)):
        assert (p <= alpha).mean() <= at_most * alpha


def test_the_beta_binomial_tail_adds_up() -> None:
    assert beta_binomial_tail(0, 50, 0.5, 3.5) == pytest.approx(1)
    assert beta_binomial_tail(50, 50, 1.0, 1.0) == pytest.approx(1 / 51)  # Uniform over 0 .. n.
