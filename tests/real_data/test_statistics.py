"""stats_vectors.json: worked cases that statsmodels publishes, most of them computed with R."""

from typing import Any

import numpy as np
import pytest

from operators.rows.windows import wilson
from operators.rules import estimates
from operators.stats.binomial import interval, lower_bound, upper_bound
from operators.stats.e_process import EProcesses
from operators.stats.hypergeometric import growth
from tests.real_data.data import read_json

pytestmark = pytest.mark.real_data
INTERVALS = ["binom_ci_0_30", "binom_ci_4_20", "binom_ci_18_20", "binom_ci_30_30"]
P = 0.05


def case(name: str) -> tuple[dict[str, Any], dict[str, Any], float]:
    """Return input, expected values and their tolerance."""
    found = next(each for each in read_json("stats_vectors.json") if each["id"] == name)
    return found["input"], found["expected"], found["tolerance"]


@pytest.mark.parametrize("name", INTERVALS)
def test_intervals_of_one_ratio(name: str) -> None:
    given, expected, tolerance = case(name)
    x, n = np.array([given["count"]]), np.array([given["nobs"]])
    assert np.concatenate(wilson(x, n)) == pytest.approx(expected["wilson"], abs=tolerance)
    assert np.concatenate(interval(x, n, P)) == pytest.approx(expected["exact"], abs=tolerance)


def test_exact_interval_to_the_last_digit_published() -> None:
    given, expected, tolerance = case("binom_test_51_235_two.sided")
    x, n = np.array([given["count"]]), np.array([given["nobs"]])
    assert np.concatenate(interval(x, n, P)) == pytest.approx(expected["clopper_pearson_ci"], abs=tolerance)
    # The exact test rejects 1/6 at 5 %, two-sided by small likelihoods; halves of 2.5 % just do not.
    assert expected["p_value"] < P
    assert lower_bound(x, n, P / 2)[0] < 1 / 6 < lower_bound(x, n, P)[0]
    assert upper_bound(x, n, P)[0] < upper_bound(x, n, P / 2)[0]


def test_expected_evidence_is_half_of_z_squared() -> None:
    """For small differences twice the divergence from an odds ratio of 1 is the chi-square of two ratios."""
    given, expected, _ = case("two_prop_z_5_83_12_99")
    (x_b, x_c), (n_b, n_c) = (np.array([given[name]], float).T for name in ("count", "nobs"))
    psi = (x_c / (n_c - x_c)) / (x_b / (n_b - x_b))
    nats = growth(n_c, n_b, x_c + x_b, psi, np.ones(1))
    assert 2 * nats[0] == pytest.approx(expected["z"] ** 2, rel=0.05)


def test_what_is_not_significant_once_is_not_bad() -> None:
    """An anytime-valid test asks for more than one look does: p = 0.16 here, so E stays far from 20."""
    given, expected, _ = case("two_prop_z_5_83_12_99")
    (x_b, x_c), (n_b, n_c) = (np.array([given[name]]).T for name in ("count", "nobs"))
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    processes.step(0, np.array([0]), np.column_stack((n_c, x_c, n_b, x_b)))
    lower, upper = estimates.points(processes, np.array([0]), P)
    assert expected["p_value"] > P
    assert processes.log_e_peak[0] < np.log(1 / P)
    assert lower[0] < x_c[0] / n_c[0] - x_b[0] / n_b[0] < upper[0]
