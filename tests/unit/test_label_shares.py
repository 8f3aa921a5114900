"""What labels say of a candidate where some of them are missing: by the requests, all of which are known."""

import math

import pytest

from operators.policy.policy import Policy
from operators.rules.canary_keys import Canary
from operators.rules.canary_verdict import Terms
from operators.rules.cohorts import Block
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.rules.label_shares import LabelShares
from operators.rules.stratified import Values
from tests.labelled import policy
from tests.saving import again

RELEASE = Comparison(model="m", candidate="v2", baseline="v1", since=0, begins=0)
WHOLE = Process(RELEASE, "*", 0)
ALPHA = 0.05
TERMS = Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.0)
EU: Values = ("eu",)
Labels = tuple[int, int, int]  # Requests, labels and bad ones of a version in a block.


def shares(*blocks: tuple[Labels, Labels], times: int = 20, late: bool = False, more: str = "") -> LabelShares:
    """What is known after so many blocks of candidate and baseline, one like the other."""
    rules: Policy = policy(more)
    (rule,) = (each for each in rules.rules if isinstance(each, Canary))
    one = LabelShares(rule, ("region",), [(), ("region",)], 2.5, 60)
    for number in range(times):
        for candidate, baseline in blocks:
            arms = ({EU: (*candidate[1:], 0)}, {EU: (*baseline[1:], 0)})
            requests = ({EU: candidate[0]}, {EU: baseline[0]})
            block = Block(begins=number, panes=1, arms=arms, renewed=False, requests=requests, late=late)
            one.take(RELEASE, 0, block)
    return one


@pytest.mark.parametrize("late", [False, True])
def test_good_labels_that_are_missing_make_no_candidate_bad(late: bool) -> None:
    """Of its labels half are bad, of its requests as many as of the baseline's."""
    assert not shares(((100, 10, 5), (400, 400, 20)), late=late).is_bad(WHOLE, ALPHA, 0.05)
    assert shares(((100, 20, 15), (400, 400, 20)), late=late).is_bad(WHOLE, ALPHA, 0.05)


def test_a_tenth_of_the_baselines_bad_labels_may_be_still_to_come() -> None:
    """Where the candidate's all have come, 10 % more bad ones are no harm; at twice the age they are."""
    tenth = ((10_000, 10_000, 1_100), (40_000, 40_000, 4_000))
    assert not shares(tenth, times=40).is_bad(WHOLE, ALPHA, 0.1)
    assert shares(tenth, times=40, late=True).is_bad(WHOLE, ALPHA, 0.1)


def test_what_is_tolerated_is_more_of_the_labels_and_shows_in_few_requests() -> None:
    """Of one request in twenty there is a label: 50 % bad against 40 % has 1.5 times the odds, 80 % six times."""
    tolerant = "tolerance = 2.0\nmargin = 3.0"
    some, many = (1_000, 50, 25), (1_000, 50, 40)
    for arm, bad in ((some, False), (many, True)):
        assert shares((arm, (4_000, 200, 80)), more=tolerant).is_bad(WHOLE, ALPHA, 0.4) == bad
    assert shares((some, (4_000, 200, 80)), times=60).is_bad(WHOLE, ALPHA, 0.4)


@pytest.mark.parametrize(("candidate", "ok"), [((400, 400, 20), True), ((400, 360, 0), False), ((400, 340, 20), False)])
def test_well_is_what_is_well_even_if_all_is_bad_that_is_missing(candidate: Labels, ok: bool) -> None:
    one = shares((candidate, (1_600, 1_600, 80)), times=60, late=True)
    assert one.is_ok(WHOLE, ALPHA, TERMS) == ok
    assert again(one).is_ok(WHOLE, ALPHA, TERMS) == ok


def test_few_labels_are_no_matter_if_both_versions_have_as_few() -> None:
    few = ((1_000, 50, 3), (4_000, 200, 12))
    assert shares(few, times=40, late=True).is_ok(WHOLE, ALPHA, TERMS)
    half = ((1_000, 25, 1), (4_000, 200, 12))
    assert not shares(half, times=40, late=True).is_ok(WHOLE, ALPHA, TERMS)
    assert shares(half, times=40, late=True).fewer_good(WHOLE, ALPHA)


@pytest.mark.parametrize(
    ("candidate", "waits"),
    [
        ((1_000, 50, 3), False),
        ((1_000, 45, 3), True),  # Fewer labels: those that are missing may be bad.
        ((1_000, 50, 1), True),  # So few bad ones: they may be slow.
        ((1_000, 55, 3), False),
        ((1_000, 60, 8), False),
    ],
)
def test_where_few_have_labels_one_that_has_fewer_of_them_or_fewer_bad_ones_waits(
    candidate: Labels, waits: bool
) -> None:
    one = shares((candidate, (4_000, 200, 12)), times=40, late=True)
    assert one.may_be_missing(WHOLE, TERMS) == waits


def test_where_all_have_labels_nothing_is_waited_for() -> None:
    assert not shares(((400, 400, 4), (1_600, 1_600, 80)), times=40, late=True).may_be_missing(WHOLE, TERMS)
    assert not shares(((400, 390, 4), (1_600, 1_600, 80)), times=40, late=True).may_be_missing(WHOLE, TERMS)


def test_where_there_are_more_labels_than_requests_labels_are_counted() -> None:
    worse = ((0, 100, 15), (0, 400, 20))
    assert shares(worse).is_bad(WHOLE, ALPHA, 0.05)
    assert shares(((10, 100, 15), (400, 400, 20))).is_bad(WHOLE, ALPHA, 0.05)


def test_slices_count_by_both_ages() -> None:
    young = shares(((100, 100, 15), (400, 400, 20)))
    slice_ = Process(RELEASE, "region=eu", 0)
    log_e = float(young.young.processes.log_e(young.young.at(slice_))[0])
    assert log_e > 4
    assert young.log_e(slice_) == pytest.approx(math.log(math.exp(log_e) + 0.25))
    assert young.log_e(Process(RELEASE, "region=us", 0)) == pytest.approx(math.log(1.25))


def test_what_begins_anew_knows_nothing_and_others_stay() -> None:
    one = shares(((100, 100, 15), (400, 400, 20)))
    one.drop(RELEASE, 1)
    assert one.is_bad(WHOLE, ALPHA, 0.05)
    one.drop(RELEASE, 0)
    assert not one.is_bad(WHOLE, ALPHA, 0.05)
    assert one.young.of == []
