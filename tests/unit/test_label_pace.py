"""Labels of a candidate that come later than its baseline's."""

import numpy as np
import pytest

from operators.rules.label_pace import LabelPace
from operators.window.label_ages import UNDATED, LabelAges
from tests.saving import again


def labels(ages: list[int], bad: int) -> LabelAges:
    none = np.zeros(len(ages), np.int64)
    return LabelAges(row=none, sli=none, bad=none + bad, lag=none, age=np.array(ages), n=none + 1)


def pace(random: np.random.Generator, times: float, bad: int = 0, looks: int = 40) -> LabelPace:
    """Labels that take ten panes on average, or so many times as long: cut at the age of nine in ten."""
    one = LabelPace()
    for _ in range(looks):
        for arm, (mean, count) in enumerate(((10 * times, 10), (10, 40))):
            ages = random.exponential(mean, count).astype(int).tolist()
            one.add(arm, labels(ages, bad), np.array(ages) > 23)
    return one


def test_labels_that_come_alike_are_hardly_ever_called_slower() -> None:
    random = np.random.default_rng(1)
    assert {pace(random, 1.0).slower() for _ in range(100)} == {""}
    assert {pace(random, 0.5).slower() for _ in range(20)} == {""}


@pytest.mark.parametrize(("bad", "kind"), [(0, "good"), (1, "bad")])
def test_slower_ones_are_found(bad: int, kind: str) -> None:
    random = np.random.default_rng(2)
    assert {pace(random, 2.5, bad).slower() for _ in range(20)} == {kind}
    assert again(pace(random, 2.5, bad)).slower() == kind


def test_of_labels_without_the_time_of_their_request_nothing_is_known() -> None:
    one = LabelPace()
    one.add(0, labels([UNDATED] * 100, 0), np.zeros(100, bool))
    assert (one.in_time, one.late) == ([[0, 0], [0, 0]], [[0, 0], [0, 0]])
