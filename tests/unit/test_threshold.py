"""The threshold rule, pane by pane: what begins an alert, what ends it, and what leaves it alone."""

import pytest
from msgspec.structs import replace

from operators.rules.threshold import Threshold, ThresholdEvaluator
from operators.window.series_index import ALL_VERSIONS
from operators.wire.control import Evidence
from tests.judged import M, Watch, pane, policy, series, versions

RULE = Threshold(name="slo", sli="ok", target=0.95, window_ms=5 * M, for_ms=10 * M)


def watch(rule: Threshold = RULE) -> Watch:
    return Watch(ThresholdEvaluator(rule, policy()))


def test_it_is_bad_once_it_has_surely_been_below_for_the_whole_time() -> None:
    r"""One request a second, all failing from pane 0 on.

    pane    0 1 2 ...                     60
    below   \______ 10 m = 60 panes ______/ BAD
    """
    seen = watch()
    assert seen.of(0, 10, panes=60) == []
    assert seen.of(0, 10) == ["BAD"]
    assert seen.of(0, 10, panes=100) == []
    assert seen.last.pane == 1_000_060
    assert seen.last.severity is None
    assert seen.last.evidence.upper == pytest.approx(1 - 0.01 ** (1 / 300))
    assert replace(seen.last.evidence, upper=None) == Evidence(
        sli="ok",
        good=0,
        bad=300,
        value=0.0,
        lower=0.0,
        confidence=0.99,
        threshold=0.95,
        window_ms=5 * M,
        since=1_000_000 * 10_000,
    )


def test_a_ratio_below_the_target_is_not_enough_where_chance_explains_it() -> None:
    """14 good of 15 is 93 %, but its upper bound is 99.9 %."""
    seen = watch()
    for _ in range(200):
        seen.of(14, 1)
        seen.of(0, 0, panes=29)
    assert "BAD" not in [verdict.word for verdict in seen.told]


def test_a_pane_that_is_not_below_begins_the_time_anew() -> None:
    seen = watch(Threshold(name="slo", sli="ok", target=0.95, window_ms=M // 6, for_ms=5 * M))
    assert seen.of(0, 10, panes=30) == []
    assert seen.of(10, 0) == []
    assert seen.of(0, 10, panes=30) == []
    assert seen.of(0, 10) == ["BAD"]


def test_a_gap_in_the_traffic_neither_breaks_nor_prolongs_the_time() -> None:
    seen = watch()
    assert seen.of(0, 10, panes=31) == []
    # The window holds failures for 29 panes more, and then nothing for 1,000.
    assert seen.of(0, 0, panes=1_029) == []
    assert seen.rule.quiet
    assert seen.of(0, 10) == ["BAD"]


def test_bad_stays_bad_without_data_and_until_the_opposite_is_sure() -> None:
    seen = watch()
    assert seen.of(0, 10, panes=61) == ["BAD"]
    assert seen.of(0, 0, panes=5_000) == []
    # 89 good ones do not prove 95 %; 90 do.
    assert seen.of(89, 0) == []
    assert seen.of(1, 0) == ["OK"]
    assert (seen.last.evidence.good, seen.last.evidence.bad) == (90, 0)
    assert seen.last.evidence.lower == pytest.approx(0.01 ** (1 / 90))


def test_low_traffic_gets_out_of_bad_by_all_that_came_since() -> None:
    """One request in 20 s: a window holds 15 events, and 90 are needed."""
    seen = watch()
    words = [word for _ in range(60) for word in seen.of(0, 1) + seen.of(0, 0)]
    assert words == ["BAD"]
    words = [word for _ in range(200) for word in seen.of(1, 0) + seen.of(0, 0)]
    assert words[0] == "OK"
    ended = seen.told[1]
    assert ended.evidence.reason is not None
    assert ended.evidence.good == 90
    assert ended.evidence.window_ms is None


def test_ok_and_insufficient_say_what_could_have_been_seen() -> None:
    seen = watch()
    assert seen.of(100, 0) == ["OK"]
    assert seen.of(0, 0, panes=29) == []
    assert seen.of(20, 0) == ["INSUFFICIENT"]
    # Of 20 events at most 15 good ones are surely below 95 %.
    assert seen.last.evidence.detectable == pytest.approx(0.95 - 15 / 20)
    assert seen.of(0, 0, panes=29) == []
    assert seen.of(0, 0) == []
    assert seen.rule.quiet


def test_ok_does_not_come_and_go_with_the_bound() -> None:
    seen = watch()
    assert seen.of(100, 0) == ["OK"]
    # 100 of 104: the lower bound is 89 %, but the ratio is no less than the target.
    assert seen.of(0, 4) == []
    assert seen.of(0, 2) == ["INSUFFICIENT"]


def test_it_judges_the_slices_and_versions_that_the_rule_names() -> None:
    names = [
        series("v1"),
        series("v1", region="eu"),
        series("v1", segment="pro"),
        series("v1", region="eu", segment="pro"),
        series(ALL_VERSIONS),
    ]
    failing = dict.fromkeys(range(5), (0, 10))

    def judged(rule: Threshold) -> set[int]:
        seen = Watch(ThresholdEvaluator(rule, policy()), names)
        for number in range(3):
            seen.take(pane(number, failing))
        return {names.index(verdict.series) for verdict in seen.told}

    at_once = replace(RULE, for_ms=0)
    assert judged(replace(at_once, grains=((), (0,)))) == {0, 1}
    assert judged(replace(at_once, grains=((1,), (0, 1)))) == {2, 3}
    assert judged(replace(at_once, scope="model")) == {4}


def test_series_that_are_left_out_are_forgotten_and_the_others_go_on() -> None:
    rule = ThresholdEvaluator(RULE, policy())
    seen = Watch(rule, versions(3))
    for number in range(50):
        seen.take(pane(number, {0: (10, 0), 2: (0, 10)}))
    assert rule.held().tolist() == [0, 2]
    rule.only(rule.held())
    seen.names = [versions(3)[0], versions(3)[2]]
    told = [verdict for number in range(50, 70) for verdict in seen.take(pane(number, {0: (10, 0), 1: (0, 10)}))]
    assert [(verdict.word, verdict.series.version, verdict.pane) for verdict in told] == [("BAD", "v2", 60)]


def test_a_series_that_is_gone_for_long_is_not_held_for_ever() -> None:
    rule = ThresholdEvaluator(RULE, policy('[release]\nknown = "1h"\n'))
    seen = Watch(rule, versions(2))
    for number in range(61):
        seen.take(pane(number, {0: (0, 10), 1: (10, 0)}))
    seen.take(pane(60 + 359, {1: (10, 0)}))
    assert rule.held().tolist() == [0, 1]
    seen.take(pane(60 + 360, {1: (10, 0)}))
    assert rule.held().tolist() == [1]
