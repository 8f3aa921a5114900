"""The word of one (SLI, slice) of a release, and its evidence."""

import math

import numpy as np
import pytest

from operators.rules import canary_verdict, estimates
from operators.rules.kept_estimates import KeptEstimates
from operators.stats import ratio_bound
from operators.stats.e_process import EProcesses
from operators.wire.control import Word

ALPHA = 0.05
ONE = np.array([0])
PANE_MS = 10_000
TERMS = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.0)


def after(*blocks: tuple[int, int, int, int, int], tolerance: float = 1.0, cap: float = math.inf) -> EProcesses:
    """A process after blocks of (panes, n_c, x_c, n_b, x_b)."""
    processes = EProcesses(tolerance, 1.5, cap=cap)
    processes.grow(1)
    pane = 100
    for panes, *counts in blocks:
        for _ in range(panes):
            processes.step(pane, ONE, np.array([counts]))
            pane += 1
    return processes


def word(processes: EProcesses, terms: canary_verdict.Terms = TERMS) -> Word:
    return canary_verdict.words_of(KeptEstimates(processes), ONE[: processes.size], ALPHA, terms)[0]


def test_words() -> None:
    assert word(after()) == "INSUFFICIENT"
    assert word(after((3, 10, 1, 90, 9))) == "INSUFFICIENT"
    assert word(after((60, 10, 2, 90, 4))) == "BAD"
    assert word(after((60, 10, 1, 90, 18))) == "OK"


@pytest.mark.parametrize("baseline", [(90, 90), (90, 89)])
def test_where_nearly_all_is_bad_a_margin_in_points_passes_nobody(baseline: tuple[int, int]) -> None:
    """Ten times as many complaints were OK: of complaints alone none is surely ever above 100 %."""
    terms = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.05)
    assert word(after((200, 900, 900, *baseline)), terms) != "OK"


def test_bad_stays_bad() -> None:
    processes = after((20, 10, 2, 90, 4), (4, 10, 0, 90, 90))
    assert processes.log_e()[0] < np.log(1 / ALPHA) < processes.log_e_peak[0]
    assert word(processes) == "BAD"


def test_ok_ends_when_harm_begins() -> None:
    """The candidate is found BAD, however long it was well, and the proof that it is well ends too."""
    processes = after((100, 100, 1, 900, 18), (40, 100, 8, 900, 18))
    assert word(processes) == "BAD"
    assert processes.bounds(ALPHA)[1][0] > 1.5


def test_ok_ends_with_harm_that_is_tolerated() -> None:
    """More than the margin, less than the tolerance in points: not BAD, but not to be promoted on the past either."""
    terms = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.1, margin=1.5, margin_points=0.0)
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    words = []
    for pane in range(300):
        processes.step(pane, ONE, np.array([[100, 5 if pane >= 100 else 1, 900, 18]]))
        words.append(word(processes, terms))
    assert words[99] == "OK"
    assert words[200:] == ["INSUFFICIENT"] * 100


def test_where_nothing_fails_the_difference_in_points_decides() -> None:
    """No odds ratio can be told from no failures; that there are hardly any can."""
    terms = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.01)
    assert word(after((30, 10, 0, 90, 0)), terms) == "INSUFFICIENT"
    assert word(after((80, 10, 0, 90, 0)), terms) == "OK"
    assert word(after((80, 10, 0, 90, 0))) == "INSUFFICIENT"


def test_a_difference_below_the_tolerance_in_points_is_not_bad() -> None:
    processes = after((100, 100, 3, 900, 4))
    assert word(processes) == "BAD"
    lower, _ = estimates.points(processes, ONE, ALPHA)
    assert 0 < lower[0] < 0.1
    some = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.1, margin=1.5, margin_points=0.0)
    assert word(processes, some) == "INSUFFICIENT"


def test_three_times_zero_point_one_percent_is_no_pass() -> None:
    """The points that pass where nothing fails are fewer than a service of three nines can hide harm in."""
    random = np.random.default_rng(5)
    runs = 100
    processes = EProcesses(1.0, 1.5)
    processes.grow(runs)
    terms = canary_verdict.Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.001)
    passed = np.zeros(runs, bool)
    for pane in range(150):
        x = random.binomial([600, 5_400], [0.003, 0.001], (runs, 2))
        counts = np.column_stack((np.full(runs, 600), x[:, 0], np.full(runs, 5_400), x[:, 1]))
        processes.step(pane, np.arange(runs), counts)
        passed |= np.array(
            [each == "OK" for each in canary_verdict.words_of(KeptEstimates(processes), np.arange(runs), ALPHA, terms)]
        )
    assert passed.mean() <= ALPHA


def test_evidence_says_why() -> None:
    processes = after((50, 10, 1, 90, 9), (40, 10, 4, 90, 9))
    found = canary_verdict.evidence(KeptEstimates(processes), 0, ALPHA, "availability", ("v2", "v1"), PANE_MS)
    assert found.candidate is not None
    assert found.baseline is not None
    assert (found.candidate.version, found.candidate.good, found.candidate.bad) == ("v2", 690, 210)
    assert (found.baseline.version, found.baseline.good, found.baseline.bad) == ("v1", 7_290, 810)
    assert found.raw == pytest.approx(210 / 900 - 810 / 8_100)
    assert found.value == pytest.approx(found.raw, abs=0.002)  # One stratum: nothing to adjust for.
    assert found.odds_ratio == pytest.approx((210 / 690) / (810 / 7_290), rel=0.01)
    assert found.log_e is not None
    assert found.log_e > np.log(20)
    assert found.p_value == pytest.approx(np.exp(-found.log_e))
    assert found.lower is not None
    assert 0 <= found.lower < 0.3  # The difference since it began.
    assert found.since is not None
    assert 150 <= found.since / PANE_MS <= 154
    assert found.decides_in == 0


def test_evidence_of_nothing() -> None:
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    found = canary_verdict.evidence(KeptEstimates(processes), 0, ALPHA, "availability", ("v2", "v1"), PANE_MS)
    assert (found.value, found.raw, found.detectable, found.decides_in, found.since) == (None, None, None, None, None)
    assert (found.odds_lower, found.odds_upper, found.log_e) == (0, None, 0)


def test_strata_with_another_mix_are_adjusted_for() -> None:
    """Equal within each slice; the candidate gets more of the hard one."""
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    easy, hard = (60, 6, 720, 72), (40, 20, 180, 90)
    for pane in range(300):
        processes.step(pane, np.array([0, 0]), np.array([easy, hard]))
    found = canary_verdict.evidence(KeptEstimates(processes), 0, ALPHA, "availability", ("v2", "v1"), PANE_MS)
    assert found.raw == pytest.approx(0.26 - 0.18)
    assert found.value == pytest.approx(0, abs=0.001)
    assert found.odds_ratio == pytest.approx(1, rel=0.01)
    assert word(processes) == "OK"


def test_detectable_shrinks_with_events_and_then_is_detected() -> None:
    """By the time a difference counts as detectable, a true one of 1.5 times that is mostly found."""
    small, large = (estimates.detectable(after((panes, 10, 1, 90, 5)), ONE, ALPHA)[0] for panes in (5, 500))
    assert large < 0.03
    assert small > 0.05
    random = np.random.default_rng(1)
    runs, panes, baseline = 200, 100, 0.05
    processes = EProcesses(1.0, 1.5)
    processes.grow(runs)
    at = estimates.detectable(after((panes, 10, 0, 90, 5), (1, 10, 5, 90, 5)), ONE, ALPHA)[0]
    for pane in range(panes):
        x = random.binomial([10, 90], [baseline + 1.5 * at, baseline], (runs, 2))
        counts = np.column_stack((np.full(runs, 10), x[:, 0], np.full(runs, 90), x[:, 1]))
        processes.step(pane, np.arange(runs), counts)
    assert np.mean(processes.log_e_peak >= np.log(1 / ALPHA)) > 0.7


def test_nothing_is_detectable_where_all_is_bad() -> None:
    assert np.isinf(estimates.detectable(after((20, 10, 10, 90, 90)), ONE, ALPHA)[0])


def test_fewer_blocks_than_the_cap_allows_detect_nothing() -> None:
    assert np.isinf(estimates.detectable(after((3, 1_000, 10, 9_000, 90), cap=3.0), ONE, ALPHA)[0])
    assert np.isfinite(estimates.detectable(after((4, 1_000, 10, 9_000, 90), cap=3.0), ONE, ALPHA)[0])


@pytest.mark.parametrize("cap", [math.inf, 3.0])
def test_the_time_to_decide_is_about_right(cap: float) -> None:
    """A fifth of the way to a verdict, at the true ratios, it says the other four fifths within a factor of two."""
    for counts in ((20, 2, 180, 9), (20, 1, 180, 18)):
        decided = next(panes for panes in range(1, 2_000) if word(after((panes, *counts), cap=cap)) != "INSUFFICIENT")
        told = estimates.decides_in(after((max(decided // 5, 1), *counts), cap=cap), ONE, ALPHA)[0] / counts[0]
        assert 0.4 < told / (decided - max(decided // 5, 1)) < 2.5


def test_bounds_of_a_ratio_hold_however_often_one_looks() -> None:
    random = np.random.default_rng(2)
    x = np.cumsum((random.random((400, 1_000)) < 0.02).astype(np.int64), axis=1)
    n = np.broadcast_to(np.arange(1, 1_001), x.shape)
    lower, upper = (
        bound(x.ravel(), n.ravel(), ALPHA).reshape(x.shape) for bound in (ratio_bound.lower, ratio_bound.upper)
    )
    assert (lower > 0.02).any(axis=1).mean() <= ALPHA
    assert (upper < 0.02).any(axis=1).mean() <= ALPHA
    assert upper[:, -1].mean() < 0.05


def test_alpha_is_shared() -> None:
    assert canary_verdict.levels(0.05, 1, slices_act=False).all_traffic == 0.05
    for slis in (1, 3):
        shared = canary_verdict.levels(0.05, slis, slices_act=True)
        assert slis * (shared.all_traffic + shared.slices) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="alpha"):
        canary_verdict.levels(0.0, 1, slices_act=True)
    with pytest.raises(ValueError, match="slis"):
        canary_verdict.levels(0.05, 0, slices_act=True)
