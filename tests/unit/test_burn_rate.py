"""The burn-rate rule: which tier fires on what, what ends it, and what little traffic can and cannot say."""

import pytest
from msgspec.structs import replace

from operators.policy_file.toml import parse
from operators.rules.burn_rate import BurnRateEvaluator, by_tier
from operators.rules.burn_rate_keys import BurnRate
from tests.judged import POLICY, H, M, Watch, series, sre

HOUR, DAY = 60, 1_440  # Panes of a minute.
MINUTES = parse(POLICY.replace('pane = "10s"', 'pane = "1m"').replace('every = "10s"', 'every = "1m"'))


def watch(rule: BurnRate) -> Watch:
    return Watch(BurnRateEvaluator(rule, MINUTES))


def quiet_traffic(seen: Watch, hours: int, bad_every: int = 0) -> None:
    """Ten requests an hour, one in 6 panes; every so manieth is bad."""
    for request in range(hours * 10):
        bad = 1 if bad_every and request % bad_every == bad_every - 1 else 0
        seen.of(1 - bad, bad)
        seen.of(0, 0, panes=5)


def test_an_outage_pages_and_says_which_windows_burn() -> None:
    """100 requests a second for an hour, then all fail."""
    seen = watch(sre(0.999))
    seen.of(6_000, 0, panes=HOUR)
    assert [verdict.word for verdict in seen.told] == ["OK"]
    seen.told.clear()
    assert seen.of(0, 6_000, panes=5) == ["BAD"]
    told = seen.last
    assert (told.word, told.severity) == ("BAD", "page")
    evidence = told.evidence
    assert (evidence.sli, evidence.window_ms, evidence.short_window_ms) == ("ok", H, 5 * M)
    assert evidence.threshold == pytest.approx(0.0144)
    assert evidence.value == 6_000 / 360_000
    assert evidence.lower is not None
    assert evidence.lower > 0.0144
    assert evidence.since == 1_000_060 * 60_000


def test_a_version_is_held_to_the_budget_of_its_own_target() -> None:
    """2 % failures are 20 times the budget of 99.9 %, twice that of 99 %."""
    rule = replace(sre(0.999), targets={"v2": 0.99, "x-*": 0.95})
    said = {}
    for version in ("v1", "v2", "x-1"):
        seen = Watch(BurnRateEvaluator(rule, MINUTES), [series(version)])
        seen.of(980, 20, panes=40)
        said[version] = seen.last
    assert [(last.word, last.severity) for last in said.values()] == [("BAD", "page"), ("BAD", "ticket"), ("OK", None)]
    # Of v1 the first that is sure: 6 times the budget.
    assert [last.evidence.threshold for last in said.values()] == pytest.approx([0.006, 0.01, 0.05])
    well = [levels.well for each in ("v1", "v2") if (levels := by_tier(rule, said[each].evidence)) is not None]
    assert well == pytest.approx([0.001, 0.01])


def test_a_slow_leak_is_a_ticket_and_no_page() -> None:
    """0.4 % failures of 99.9 % burn at 4: above 3 of the day, below 6."""
    seen = watch(sre(0.999))
    seen.of(996, 4, panes=DAY)
    assert {verdict.severity for verdict in seen.told if verdict.word == "BAD"} == {"ticket"}


def test_the_worst_tier_is_told_when_it_changes() -> None:
    seen = watch(sre(0.999))
    seen.of(996, 4, panes=3 * HOUR)
    assert (seen.last.word, seen.last.severity) == ("BAD", "ticket")
    seen.of(0, 1_000, panes=5)
    assert (seen.last.word, seen.last.severity) == ("BAD", "page")
    # The short windows are well again, each in its turn: 5 m and 30 m of the pages, then 2 h.
    seen.of(1_000, 0, panes=36)
    assert (seen.last.word, seen.last.severity) == ("BAD", "ticket")
    seen.of(1_000, 0, panes=3 * DAY)
    assert [verdict.word for verdict in seen.told].count("OK") == 1
    assert seen.last.word == "OK"


def test_one_failure_of_ten_requests_an_hour_pages_nobody() -> None:
    seen = watch(sre(0.999))
    quiet_traffic(seen, 30)
    seen.of(0, 1)
    quiet_traffic(seen, 100)
    assert "BAD" not in [verdict.word for verdict in seen.told]


def test_a_trickle_of_failures_is_found_by_the_window_of_three_days() -> None:
    """1 % of ten requests an hour fail, ten times the budget: one in ten hours."""
    seen = watch(sre(0.999))
    quiet_traffic(seen, 96, bad_every=100)
    first = next(verdict for verdict in seen.told if verdict.word == "BAD")
    assert first.severity == "ticket"
    assert (first.pane - 1_000_000) / HOUR < 72
    assert first.evidence.window_ms == 72 * H


def test_ninety_percent_failures_of_little_traffic_page_soon() -> None:
    """One request in 2 s."""
    seen = watch(sre(0.999))
    seen.of(30, 0, panes=6 * HOUR)
    seen.told.clear()
    seen.of(3, 27, panes=10)
    page = next(verdict for verdict in seen.told if verdict.severity == "page")
    assert page.pane - (1_000_000 + 6 * HOUR) <= 3


def test_an_alarm_ends_at_low_traffic_once_the_long_window_no_longer_burns() -> None:
    seen = watch(sre(0.999))
    for _ in range(3):
        seen.of(0, 1)
    assert (seen.last.word, seen.last.severity) == ("BAD", "page")
    quiet_traffic(seen, 24 * 3 + 2)
    assert [verdict.severity for verdict in seen.told if verdict.word == "BAD"] == ["page", "ticket"]
    assert seen.last.word == "OK"


def test_no_traffic_ends_no_alarm() -> None:
    seen = watch(sre(0.999))
    seen.of(0, 10)
    assert seen.last.word == "BAD"
    assert seen.of(0, 0, panes=4 * DAY) == []
    assert seen.rule.quiet
    assert seen.rule.held().tolist() == [0]


def test_insufficient_says_what_could_have_been_seen() -> None:
    """5,000 good ones prove that less than 0.1 % fail, and then the windows run out of them."""
    seen = watch(sre(0.999))
    assert seen.of(5_000, 0) == ["OK"]
    # The window of 1 h empties.
    assert seen.of(0, 0, panes=HOUR) == ["INSUFFICIENT"]
    evidence = seen.last.evidence
    assert evidence.window_ms == 72 * H
    # 11 of 5,000 are surely more than 0.1 %, which is 5.
    assert evidence.detectable == pytest.approx(12 / 5_000 - 0.001, abs=1 / 5_000)
