"""Slices that come one after the other, judged together: none of them may lift what the others have come to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.stats.multiple_testing import e_bh
from operators.stats.slice_weights import FIRST, SliceWeights
from tests.releasing import CANARY, Counts, Story
from tests.saving import again

ALPHA = 0.05


@given(st.lists(st.integers(0, 40), max_size=12))
def test_weights_never_add_up_to_more_than_1_and_stay(batches: list[int]) -> None:
    weights, names = SliceWeights(), 0
    for size in batches:
        before = dict(weights.of)
        names += size
        weights.take([str(number) for number in range(names)])
        assert weights.of.items() >= before.items()
        assert len(weights.of) == names
        assert sum(weights.of.values()) <= 1 + 1e-12


def test_slices_that_are_all_there_share_equally_and_a_later_one_has_a_fifth_of_that() -> None:
    weights = SliceWeights()
    weights.take([str(number) for number in range(36)])
    assert weights.of["0"] == pytest.approx(FIRST / 36)
    weights.take(["late"])
    assert weights.of["late"] == pytest.approx((1 - FIRST) / 37)
    assert again(weights) == weights


def ever(weighted: bool, runs: int = 1_500, steps: int = 80) -> float:
    """Return the share of runs that ever reject one of the slices, none of which is worse; one more comes at each step.

    Each is a fair game of four times or nothing: an e-process as hard as can be.
    """
    random, weights = np.random.default_rng(1), SliceWeights()
    log_e, rejected = np.zeros((runs, 0)), np.zeros(runs, bool)
    for step in range(steps):
        log_e = np.concatenate([log_e, np.zeros((runs, 1))], axis=1)
        log_e += np.where(random.random(log_e.shape) < 0.25, np.log(4), -20.0)
        weights.take([str(number) for number in range(step + 1)])
        mine = np.array(list(weights.of.values())) if weighted else None
        for run in np.flatnonzero(~rejected & (log_e.max(axis=1) > np.log(1 / ALPHA))).tolist():
            rejected[run] = e_bh(log_e[run], ALPHA, mine).any()
    return float(rejected.mean())


def test_a_growing_number_of_slices_keeps_the_promise() -> None:
    """A mean over the slices that there are so far breaks it: it is wrong nearly twice as often."""
    assert ever(weighted=False) > 1.4 * ALPHA
    assert ever(weighted=True) <= ALPHA


def worse_from(panes: int, late: bool) -> int:
    """Return after how many panes `region=bad` is found to be worse; it comes only after so many, where it is late."""
    regions = [f"r{number}" for number in range(8)]
    counts: Counts = {(version, region): (45, 5) for version in ("v1", "v2") for region in regions}
    story = Story(CANARY).settled()
    for pane in range(400):
        ill: Counts = {("v1", "bad"): (45, 5), ("v2", "bad"): (35, 15)}
        story.pane(counts | ill if pane >= panes or not late else counts)
        told = [each for each in story.verdicts if each.word == "BAD" and each.series.text == "region=bad"]
        if told:
            return pane - (panes if late else 0)
        if pane == 20:
            story.restart()
    raise AssertionError("not found")


def test_a_slice_that_comes_late_is_found_somewhat_later() -> None:
    """It needs ln of 5 x (9 / 8) more than one of the first nine."""
    assert worse_from(0, late=False) <= worse_from(30, late=True) <= worse_from(0, late=False) + 5
