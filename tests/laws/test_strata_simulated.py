"""Both versions of a slice are compared over the same time; tests/bench/simulate_strata.py has the cases."""

import os

import msgspec
import numpy as np
import pytest

from operators.rules.strata import Strata, without_windows
from operators.window.series_index import SliceSeries, described
from tests.bench.simulate_strata import EQUAL, WORSE, Case, found
from tests.saving import again

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS = 100 if PROVE else 5
FIRST, LAST = EQUAL[0], WORSE[-1]
SLI = np.array([0])


def early(minute: int) -> tuple[float, float]:
    """Both fail 20 times as often from minute 60 on."""
    return (0.01, 0.01) if minute < 60 else (0.2, 0.2)


@pytest.mark.parametrize(
    "case", EQUAL if PROVE else [msgspec.structs.replace(FIRST, ratio=early, minutes=90)], ids=lambda case: case.name
)
def test_a_rate_that_moves_for_both_rolls_nothing_back(case: Case) -> None:
    assert np.isfinite(found(case, RUNS)).mean() <= 0.05


@pytest.mark.parametrize("case", WORSE if PROVE else [WORSE[2], LAST], ids=lambda case: case.name)
def test_harm_is_found_where_few_of_a_slice_are_the_candidates(case: Case) -> None:
    minutes = found(case, RUNS)
    assert np.isfinite(minutes).all()
    assert np.median(minutes) <= {1: 300, 360: 18}.get(case.strata, 60)


def strata(most: int = 64) -> Strata:
    return Strata(1, most)


def served(count: int, slices: int = 1) -> list[tuple[SliceSeries, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]]:
    names = [SliceSeries("m", "v", *described(("slice",), (f"s{each}",))) for each in range(slices)]
    return [(name, np.array([[count, 0, 0]])) for name in names]


def test_what_one_version_had_alone_does_not_wait_for_the_other() -> None:
    some = strata()
    some.open(0, 1, SLI)
    some.add([], served(100))
    assert [len(window.counts) for window in some.take(1, SLI)] == [0]
    some.open(1, 1, SLI)
    some.add(served(1), served(3))
    (window,) = some.take(2, SLI)
    assert window.counts.tolist() == [[1, 0, 3, 0]]
    assert some.served[0, 0].tolist() == [1, 103]


def test_windows_grow_where_traffic_is_thin_and_no_further_than_they_may() -> None:
    """Ten slices with a request of the candidate and two of the baseline in eight panes: half is kept from eight on."""
    for most, lasted in ((64, 8), (4, 4), (1, 1)):
        some = strata(most)
        for pane in range(256):
            some.open(pane, 1, SLI)
            some.add(served(pane % 8 == 0, 10), served(pane % 4 == 0, 10))
            ended = list(some.take(pane + 1, SLI))
        assert ended[-1].panes == lasted


def test_windows_do_not_depend_on_whether_empty_panes_are_told_and_outlive_a_restart() -> None:
    def play(every: bool) -> list[tuple[int, int, list[list[int]]]]:
        some, out = strata(), []
        for pane in range(200):
            came = pane % 5 == 0
            if came or every or some.ready(SLI):
                some.open(pane, 1, SLI)
                some.add(served(1) if pane % 10 == 0 else [], served(1) if came else [])
                out += [(each.begins, each.panes, each.counts.tolist()) for each in some.take(pane + 1, SLI)]
                some = again(some) if pane % 50 == 0 else some
        return [each for each in out if each[2]]

    assert play(every=True) == play(every=False)
    assert len(play(every=True)) > 10


def test_what_was_saved_before_there_were_windows_is_read() -> None:
    old = {"names": [name for name, _ in served(1)], "pending": np.ones((1, 1, 4), np.int64)}
    some = object.__new__(Strata)
    some.__setstate__(without_windows(old | {"events": np.array([[[3, 9]]])}))
    assert some.served.tolist() == [[[3, 9]]]
    some.open(50, 1, SLI)
    some.add(served(1), served(2))
    assert [each.counts.tolist() for each in some.take(51, SLI)] == [[[1, 0, 2, 0]]]
