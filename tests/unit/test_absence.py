"""The absence rule: traffic that stops is told, once, and so is its return."""

import msgspec
import numpy as np

from operators.rules.absence import Absence, AbsenceEvaluator
from tests.judged import M, Watch, pane, policy, versions

RULE = Absence(name="gone", scope="version", after_ms=10 * M)


def watch() -> Watch:
    return Watch(AbsenceEvaluator(RULE, policy()))


def test_a_series_without_events_for_the_whole_time_is_stale_until_the_next_one() -> None:
    """Events in pane 0, none in 1..60: the end of pane 60 is 10 m after the end of pane 0."""
    seen = watch()
    assert seen.of(1, 0) == ["OK"]
    assert seen.of(0, 0, panes=59) == []
    assert seen.of(0, 0) == ["STALE"]
    assert seen.last.pane == 1_000_060
    assert seen.last.evidence.since == 1_000_001 * 10_000
    assert seen.last.evidence.watermark == 1_000_061 * 10_000
    assert seen.last.evidence.window_ms == 10 * M
    assert seen.of(0, 0, panes=1_000) == []
    assert seen.of(0, 1) == ["OK"]
    assert seen.last.evidence.since is None


def test_feedback_alone_is_no_traffic() -> None:
    seen = watch()
    seen.of(1, 0)
    judged = [pane(seen.next + ahead, {0: (1, 0)}) for ahead in range(60)]
    feedback = [msgspec.structs.replace(counts, events=np.array([0])) for counts in judged]
    assert [verdict.word for counts in feedback for verdict in seen.take(counts)] == ["STALE"]


def test_a_series_that_never_had_events_is_not_missed() -> None:
    seen = watch()
    assert seen.of(0, 0, panes=1_000) == []
    assert seen.rule.quiet


def test_a_series_that_served_elsewhere_until_lately_is_missed_and_its_return_is_told() -> None:
    rules = [AbsenceEvaluator(RULE, policy()) for _ in range(2)]
    seen, back = map(Watch, rules)
    for rule in rules:
        rule.expect(0, seen.next - 20, seen.names)
    assert seen.of(0, 0, panes=40) == []
    assert seen.of(0, 0) == ["STALE"]
    assert back.of(0, 0, panes=39) == []
    assert back.of(1, 0) == ["OK"]


def test_a_series_that_comes_back_from_elsewhere_is_missed_since_it_served_there() -> None:
    """Stale here meanwhile, or not yet."""
    for away in (30, 100):
        rule = AbsenceEvaluator(RULE, policy())
        seen = Watch(rule)
        seen.of(1, 0)
        seen.of(0, 0, panes=away)
        rule.expect(0, seen.next - 20, seen.names)
        assert seen.of(0, 0, panes=40) == []
        assert seen.of(0, 0) == ["STALE"]


def test_a_series_that_is_expected_is_held_however_long_the_rule_waits() -> None:
    rule = AbsenceEvaluator(
        Absence(name="gone", scope="version", after_ms=120 * M), policy('[release]\nknown = "1h"\n')
    )
    seen = Watch(rule, versions(1))
    rule.expect(0, seen.next - 500, seen.names)
    assert seen.of(0, 0) == []
    assert rule.held().tolist() == [0]


def test_it_is_quiet_once_everything_is_stale() -> None:
    seen = watch()
    seen.of(1, 0)
    assert not seen.rule.quiet
    seen.of(0, 0, panes=60)
    assert seen.rule.quiet


def test_a_series_is_held_until_it_has_been_gone_for_long() -> None:
    rule = AbsenceEvaluator(RULE, policy('[release]\nknown = "1h"\n'))
    seen = Watch(rule, versions(2))
    seen.take(pane(0, {0: (1, 0), 1: (1, 0)}))
    for number in range(1, 361):
        seen.take(pane(number, {1: (1, 0)}))
        assert rule.held().tolist() == ([0, 1] if number < 360 else [1])
    rule.only(rule.held())
    seen.names = versions(2)[1:]
    assert [verdict.series.version for number in range(361, 430) for verdict in seen.take(pane(number))] == ["v1"]
