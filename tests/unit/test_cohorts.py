"""Labels put to their requests: in which block each is, at what age both versions' are cut, when that is known."""

from collections.abc import Sequence

import numpy as np

from operators.rules.cohorts import Block, Cohorts
from operators.rules.label_delays import Delays, LabelDelays
from operators.rules.labels import Labels
from operators.window.label_ages import UNDATED, LabelAges
from operators.window.series_index import SliceSeries

PANE_MS = 60_000
CANDIDATE, BASELINE = 0, 1
EU = ("eu",)
DAY = 1_440  # Panes.


def ages(*labels: tuple[int, int, int, int]) -> LabelAges:
    """Of lag, age, bad and n; all of one slice and SLI."""
    lag, age, bad, n = np.array(labels, np.int64).reshape(-1, 4).T
    return LabelAges(row=lag * 0, sli=lag * 0, bad=bad, lag=lag, age=age, n=n)


def cohorts(age_set: int | None = None, least: int = 1, begins: int = 1_000) -> Cohorts:
    return Cohorts(begins=begins, pane_ms=PANE_MS, least=least, age_set=age_set)


def counted(block: Block) -> Sequence[tuple[int, ...]]:
    """n, bad and undated of candidate and baseline."""
    return [tuple(map(sum, zip(*arm.values(), strict=True))) if arm else (0, 0, 0) for arm in block.arms]


def mature(one: Cohorts, pane: int) -> list[Block]:
    """The blocks at the age that is mature."""
    return [block for block in one.take(pane) if not block.late]


def taught(*labels: tuple[int, int, int, int], pane: int = 900, first: int = 0) -> Delays:
    """What some labels that came in one pane teach; the first request is moved to `first`."""
    delays = LabelDelays()
    delays.add(pane, PANE_MS, Labels.by([SliceSeries("m", "v1", "region=eu", {"region": "eu"})], ages(*labels)))
    known = delays.known["m", "v1", 0]
    known.first = first
    return known


def test_both_versions_are_cut_at_the_same_age() -> None:
    one = cohorts(age_set=3)
    one.learn(1_000, None)
    one.add(1_002, BASELINE, ages((2, 2, 0, 7), (2, 3, 1, 1)), [EU])
    assert mature(one, 1_002) == []
    one.add(1_003, CANDIDATE, ages((3, 3, 1, 2), (3, 4, 1, 90), (4, 4, 1, 90)), [EU])
    (block,) = mature(one, 1_003)
    assert (block.begins, block.panes) == (1_000, 1)
    assert counted(block) == [(2, 2, 0), (8, 1, 0)]
    one.add(1_004, CANDIDATE, ages((4, 4, 1, 90)), [EU])
    assert mature(one, 2_000) == []


def test_at_twice_the_age_what_came_meanwhile_counts_too_beside_all_requests() -> None:
    one = cohorts(age_set=3)
    one.learn(1_000, None)
    one.add_requests(999, CANDIDATE, {EU: 9})
    one.add_requests(1_000, CANDIDATE, {EU: 4})
    one.add_requests(1_000, BASELINE, {EU: 20})
    one.add_requests(1_001, BASELINE, {EU: 30})
    one.add(1_006, CANDIDATE, ages((6, 3, 0, 1), (6, 6, 1, 2), (6, 7, 1, 9)), [EU])
    (block,) = one.take(1_005)
    assert (counted(block), block.late) == ([(1, 0, 0), (0, 0, 0)], False)
    assert block.requests == ({EU: 4}, {EU: 20})
    assert not one.quiet
    (late,) = one.take(1_006)
    assert (counted(late), late.late, late.requests) == ([(3, 2, 0), (0, 0, 0)], True, block.requests)
    assert one.quiet
    assert one.take(1_100) == []
    assert one.requests == {}


def test_requests_from_before_the_release_do_not_count() -> None:
    one = cohorts(age_set=3)
    one.learn(1_000, None)
    one.add(1_001, BASELINE, ages((2, 2, 0, 7), (1, 1, 0, 1)), [EU])
    (block,) = mature(one, 1_100)
    assert counted(block) == [(0, 0, 0), (1, 0, 0)]


def test_a_block_lasts_a_sixtieth_of_the_age_in_whole_blips() -> None:
    for age, least, panes in ((59, 1, 1), (120, 1, 2), (130, 6, 6), (700, 6, 12)):
        one = cohorts(age_set=age, least=least)
        one.learn(1_000, None)
        assert one.stretches[0].panes == panes
    one.add(1_010, BASELINE, ages((0, 0, 0, 5)), [EU])
    ends = 1_020  # The blocks are counted from 1970 on.
    assert mature(one, ends + 700 - 2) == []
    assert [block.begins for block in mature(one, ends + 700 - 1)] == [1_008]


def test_the_baseline_teaches_the_age_before_the_release() -> None:
    """Nine in ten of the good labels have come at once, of the bad ones after 20 panes; the larger one counts."""
    known = taught((0, 0, 0, 900), (50, 50, 0, 90), (5, 5, 1, 10), (20, 20, 1, 80), (99, 99, 1, 9))
    assert known.age == 20
    assert known.believed(PANE_MS)
    one = cohorts()
    one.learn(1_000, known)
    assert (one.stretches[0].age, one.stretches[0].believed) == (20, True)
    one.learn(1_100, taught((90, 90, 0, 900), (90, 90, 1, 100)))
    assert len(one.stretches) == 1, "it is frozen"
    maturity = one.maturity
    assert (maturity.age_ms, maturity.learned, maturity.final, maturity.undated) == (20 * PANE_MS, True, True, 0)


def test_what_is_believed_needs_both_kinds_and_a_past() -> None:
    assert not taught((0, 0, 0, 900), (20, 20, 1, 9)).believed(PANE_MS), "few bad ones"
    assert taught((0, 0, 0, 900), (20, 20, 1, 9), pane=DAY).believed(PANE_MS), "of a day"
    assert taught((0, 0, 0, 900), (20, 20, 1, 10), pane=40).believed(PANE_MS)
    assert not taught((0, 0, 0, 900), (20, 20, 1, 10), pane=39).believed(PANE_MS), "slow ones have not come yet"
    assert not taught((0, 0, 0, 900), (DAY, DAY, 1, 10), pane=2 * DAY).believed(PANE_MS), "steps are an eighth"


def test_while_it_is_not_believed_the_age_grows_for_blocks_to_come() -> None:
    one = cohorts(least=10)
    one.learn(1_000, taught((1, 1, 0, 5)))
    one.add(1_001, BASELINE, ages((1, 1, 0, 5)), [EU])
    one.learn(1_003, taught((4, 4, 0, 5)))
    assert [(each.begins, each.age) for each in one.stretches] == [(1_000, 1), (1_010, 4)]
    one.learn(1_004, taught((2, 2, 0, 5)))
    assert len(one.stretches) == 2, "it never shrinks"
    # Of requests of the block that has begun, labels count that are one pane old; of the next, four panes.
    one.add(1_008, CANDIDATE, ages((4, 4, 1, 3), (1, 1, 1, 2)), [EU])
    one.add(1_014, CANDIDATE, ages((4, 4, 1, 1)), [EU])
    assert not one.mature
    (first,) = mature(one, 1_010)
    assert counted(first) == [(2, 2, 0), (5, 0, 0)]
    assert mature(one, 1_022) == []
    (second,) = mature(one, 1_023)
    assert counted(second) == [(1, 1, 0), (0, 0, 0)]
    assert not second.renewed


def test_once_it_is_believed_the_comparison_begins_anew_and_may_promote() -> None:
    one = cohorts()
    one.learn(1_000, taught((1, 1, 0, 5)))
    one.add(1_001, BASELINE, ages((1, 1, 0, 5)), [EU])
    one.learn(1_100, taught((4, 4, 0, 50), (4, 4, 1, 50)))
    assert [(each.begins, each.age, each.believed) for each in one.stretches] == [(1_000, 1, False), (1_100, 4, True)]
    one.add(1_104, BASELINE, ages((4, 4, 0, 5), (3, 3, 0, 5)), [EU])
    blocks = mature(one, 1_200)
    assert [block.renewed for block in blocks] == [False, True, False]
    assert one.mature
    assert one.maturity.age_ms == 4 * PANE_MS


def test_labels_that_do_not_say_when_their_requests_were_made_count_when_they_come() -> None:
    one = cohorts(least=6)
    one.learn(1_000, None)
    one.add(1_001, BASELINE, ages((0, UNDATED, 0, 5)), [EU])
    one.add(1_001, CANDIDATE, ages((0, UNDATED, 1, 2)), [EU])
    (block,) = mature(one, 1_001)  # 1,002 is a multiple of six.
    assert counted(block) == [(2, 2, 2), (5, 0, 5)]
    assert one.mature
    assert (one.maturity.age_ms, one.maturity.undated) == (0, 7)


def test_where_only_the_candidate_says_when_nothing_is_promoted() -> None:
    one = cohorts()
    one.learn(1_000, None)
    one.add(1_001, CANDIDATE, ages((0, 0, 0, 5)), [EU])
    assert mature(one, 1_001)
    assert not one.mature


def test_it_does_not_matter_in_which_parts_labels_come() -> None:
    at_once, in_parts = cohorts(age_set=2), cohorts(age_set=2)
    labels = [(0, 0, 0, 3), (1, 1, 1, 2), (1, 2, 0, 4), (2, 2, 0, 1), (0, UNDATED, 1, 6)]
    for one, parts in ((at_once, [labels]), (in_parts, [labels[:2], labels[2:4], labels[4:]])):
        one.learn(1_000, None)
        for part in parts:
            one.add(1_002, BASELINE, ages(*part), [EU])
    assert at_once == in_parts
    assert [counted(block) for block in mature(at_once, 1_100)] == [counted(block) for block in mature(in_parts, 1_100)]


def test_what_came_weeks_ago_counts_less() -> None:
    known = taught((8, 8, 0, 1_024), (8, 8, 1, 1_024), pane=100)
    counts = np.zeros_like(np.array(known.counts))
    counts[:, 2] = 900
    known.add(100 + 7 * DAY * 7, PANE_MS, 100, counts)
    assert np.array(known.counts)[0].sum() == 900 + 1_024 // 2**7
    assert known.age == 2
    assert known.first == 0


def test_only_so_many_versions_are_known() -> None:
    delays = LabelDelays()
    for pane in range(3):
        names = [SliceSeries("m", f"v{pane}/{number}", "region=eu", {"region": "eu"}) for number in range(1_500)]
        lag = np.arange(1_500) * 0
        labels = LabelAges(row=np.arange(1_500), sli=lag, bad=lag, lag=lag, age=lag, n=lag + 1)
        delays.add(pane, PANE_MS, Labels.by(names, labels))
    assert len(delays.known) == 2_000
    assert sum(version.startswith("v2/") for _, version, _ in delays.known) == 1_500
    assert not any(version.startswith("v0/") for _, version, _ in delays.known)
