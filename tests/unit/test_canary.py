"""The word of one (SLI, slice) of a release, and its evidence."""

import numpy as np
import pytest

from operators.control import Word
from operators.verdict import canary
from operators.verdict.e_process import EProcesses

ALPHA = 0.05
ONE = np.array([0])
PANE_MS = 10_000


def after(*blocks: tuple[int, int, int, int, int], margin: float = 0.01) -> EProcesses:
    """A process after blocks of (panes, n_c, x_c, n_b, x_b)."""
    processes = EProcesses(0.0, margin)
    processes.grow(1)
    pane = 100
    for panes, *counts in blocks:
        for _ in range(panes):
            processes.step(pane, ONE, *np.array([counts]).T)
            pane += 1
    return processes


def word(processes: EProcesses) -> Word:
    return canary.judge(processes, ALPHA)[0]


def test_words() -> None:
    assert word(after()) == "INSUFFICIENT"
    assert word(after((3, 10, 1, 90, 9))) == "INSUFFICIENT"
    assert word(after((60, 10, 2, 90, 4))) == "BAD"
    assert word(after((60, 10, 1, 90, 18))) == "OK"


def test_bad_stays_bad() -> None:
    processes = after((20, 10, 2, 90, 4), (2, 10, 0, 90, 90))
    assert processes.log_e()[0] < np.log(1 / ALPHA) < processes.log_e_peak[0]
    assert word(processes) == "BAD"


def test_ok_ends_when_harm_begins() -> None:
    """The candidate is found BAD, however long it was well, and the proof that it is well ends too."""
    processes = after((100, 100, 1, 900, 18), (40, 100, 8, 900, 18))
    assert word(processes) == "BAD"
    assert processes.bounds(ALPHA)[1][0] > 0.01


def test_ok_ends_with_harm_that_is_tolerated() -> None:
    """More than the margin, less than the tolerance: not BAD, but not to be promoted on the good past either."""
    processes = EProcesses(tolerance=0.05, margin=0.01)
    processes.grow(1)
    words = []
    for pane in range(300):
        processes.step(pane, ONE, *np.array([[100, 5 if pane >= 100 else 1, 900, 18]]).T)
        words.append(word(processes))
    assert words[99] == "OK"
    assert words[200:] == ["INSUFFICIENT"] * 100


def test_ok_needs_events_enough_to_know() -> None:
    """A candidate without a single bad event is surely below the margin before it has 3 / margin events."""
    early = after((30, 3, 0, 300, 60), margin=0.02)
    assert early.bounds(ALPHA)[1][0] <= 0.02
    assert word(early) == "INSUFFICIENT"
    wanted = canary.decides_in(early, ONE, ALPHA)[0]
    assert wanted == 3 / 0.02 - 90
    assert word(after((30 + round(wanted / 3), 3, 0, 300, 60), margin=0.02)) == "OK"


def test_alpha_may_differ_by_process() -> None:
    processes = after((60, 10, 2, 90, 4))
    processes.only(np.array([0, 0]))
    reached = np.exp(-processes.log_e_peak)
    assert canary.judge(processes, reached * [1.01, 0.99]) == ["BAD", "INSUFFICIENT"]


def test_evidence_says_why() -> None:
    processes = after((50, 10, 1, 90, 9), (40, 10, 4, 90, 9))
    found = canary.evidence(processes, 0, ALPHA, "availability", ("v2", "v1"), PANE_MS)
    assert found.candidate is not None
    assert found.baseline is not None
    assert (found.candidate.version, found.candidate.good, found.candidate.bad) == ("v2", 690, 210)
    assert (found.baseline.version, found.baseline.good, found.baseline.bad) == ("v1", 7_290, 810)
    assert found.value == pytest.approx(210 / 900 - 810 / 8_100)
    assert found.log_e is not None
    assert found.log_e > np.log(20)
    assert found.p_value == pytest.approx(np.exp(-found.log_e))
    assert found.value is not None
    assert found.lower is not None
    assert 0 <= found.lower < found.value
    assert found.since is not None
    assert 150 <= found.since / PANE_MS <= 154
    assert found.decides_in == 0


def test_evidence_of_nothing() -> None:
    found = canary.evidence(after(), 0, ALPHA, "availability", ("v2", "v1"), PANE_MS)
    assert (found.value, found.detectable, found.decides_in, found.since) == (None, None, None, None)
    assert (found.lower, found.upper, found.log_e) == (-1, 1, 0)


def test_detectable_shrinks_with_events_and_then_is_detected() -> None:
    """By the time a difference counts as detectable, a true one of 1.5 times that is mostly found."""
    small, large = (canary.detectable(after((panes, 10, 1, 90, 5)), ONE, ALPHA)[0] for panes in (5, 500))
    assert large < 0.02
    assert small > 0.05
    random = np.random.default_rng(1)
    runs, panes, baseline = 200, 100, 0.05
    processes = EProcesses(0.0, 0.01, magnitudes=())
    processes.grow(runs)
    at = canary.detectable(after((panes, 10, 0, 90, 5), (1, 10, 5, 90, 5)), ONE, ALPHA)[0]
    for pane in range(panes):
        x = random.binomial([10, 90], [baseline + 1.5 * at, baseline], (runs, 2))
        processes.step(pane, np.arange(runs), np.full(runs, 10), x[:, 0], np.full(runs, 90), x[:, 1])
    assert np.mean(processes.log_e_peak >= np.log(1 / ALPHA)) > 0.7


def test_nothing_is_detectable_where_all_is_bad() -> None:
    assert np.isinf(canary.detectable(after((20, 10, 10, 90, 90)), ONE, ALPHA)[0])


def test_the_time_to_decide_is_about_right() -> None:
    """A fifth of the way to a verdict, at the true ratios, it says the other four fifths within a factor of two."""
    for counts in ((20, 2, 180, 9), (100, 5, 900, 90)):
        decided = next(panes for panes in range(1, 2_000) if word(after((panes, *counts))) != "INSUFFICIENT")
        told = canary.decides_in(after((max(decided // 5, 1), *counts)), ONE, ALPHA)[0] / counts[0]
        assert 0.5 < told / (decided - max(decided // 5, 1)) < 2


def test_alpha_is_shared() -> None:
    assert canary.levels(0.05, 1, slices_act=False).all_traffic == 0.05
    for slis in (1, 3):
        shared = canary.levels(0.05, slis, slices_act=True)
        assert slis * (shared.all_traffic + shared.slices) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="alpha"):
        canary.levels(0.0, 1, slices_act=True)
    with pytest.raises(ValueError, match="slis"):
        canary.levels(0.05, 0, slices_act=True)
