"""A release that replaces its baseline at once: nothing serves beside it, only what the baseline had before."""

import math

import pytest

from operators.policy_file.toml import parse
from operators.release.historical import Past, most_allowed
from operators.rules.canary_keys import Canary
from tests.policies import refused
from tests.releasing import BASE, CANARY, OLD, RELEASE, WELL, Counts, Story, release

IN_BLIPS = CANARY.replace('blip = "0s"', 'blip = "1m"')
WARMED = RELEASE.replace('warm_up = "0s"', 'warm_up = "1m"')
HALF: Counts = {"v2": (50, 50)}
NEW: Counts = {"v2": WELL}


def replaced(rules: str = IN_BLIPS, release_table: str = WARMED) -> Story:
    return Story(rules, release_table).settled()


def test_a_cut_over_to_half_errors_is_rolled_back_within_minutes() -> None:
    story = replaced()
    began = story.now
    event = story.until("rollback", HALF, panes=54)
    assert (event.version, event.pin, event.rule, event.severity) == ("v2", "v1", "canary", "page")
    assert event.ts - began <= 9 * 60_000
    assert event.evidence.historical
    assert "last 6 hours" in (event.evidence.reason or "")
    assert event.evidence.baseline is not None
    assert (event.evidence.baseline.good, event.evidence.baseline.bad) == (60 * 99, 60)
    assert event.onset is not None
    assert 60_000 <= event.onset - began <= 120_000  # The first minute is left out.


def test_in_full_it_takes_two_panes() -> None:
    story = replaced(CANARY, RELEASE)
    began = story.now
    assert story.until("rollback", HALF, panes=5).ts - began <= 20_000


def test_a_declared_release_is_too() -> None:
    story = replaced()
    story.play(OLD, said=[release()])
    assert story.until("rollback", HALF, panes=54).evidence.historical


def test_after_the_rollback_the_old_version_serves_and_recovers() -> None:
    story = replaced()
    story.until("rollback", HALF, panes=54)
    assert {"rollback_applied", "recovered"} <= {line.split()[0] for line in story.play(OLD, panes=60)}


@pytest.mark.parametrize("bad", [1, 2, 4, 6])
def test_what_is_no_large_harm_is_left_to_the_rules_on_slos(bad: int) -> None:
    """Three times the odds are the least, and five points: the rates of two hours are rarely the same."""
    story = replaced()
    assert story.play({"v2": (100 - bad, bad)}, panes=360) == []


def test_ordinary_drift_of_rates_is_no_harm() -> None:
    """Two to six percent over a day; the new version comes at the best hour, and the worst is yet to come."""
    story = replaced()

    def bad(pane: int) -> int:
        return round(40 - 20 * math.cos(2 * math.pi * pane / 8_640))

    for pane in range(-2_160, 0, 6):
        story.next += 5
        assert story.play({"v1": (1_000 - bad(pane), bad(pane))}) == []
    for pane in range(0, 8_640, 6):
        story.next += 5
        assert story.play({"v2": (1_000 - bad(pane), bad(pane))}) == []


def test_one_bad_minute_is_no_harm() -> None:
    story = replaced()
    story.play(NEW, panes=30)
    assert story.play(HALF, panes=12) + story.play(NEW, panes=60) == []


def test_a_canary_beside_its_baseline_is_judged_by_that() -> None:
    story = replaced()
    event = story.until("rollback", {"v1": WELL, "v2": (50, 50)}, panes=60)
    assert event.evidence.historical is None


def test_a_canary_with_little_traffic_has_not_replaced_its_baseline() -> None:
    """One request in six panes, a tenth of them the candidate's and all of these bad: chance leaves blips to it."""
    story = replaced(IN_BLIPS.replace('action = "rollback"', 'action = "rollback"\ncutover_points = 0.0'))
    for _ in range(40):
        story.play({"v2": (0, 1)})
        story.play(panes=5)
        for _ in range(9):
            story.play({"v1": (1, 0)})
            story.play(panes=5)
    assert all(not event.evidence.historical for event in story.told)


def test_of_a_baseline_of_which_little_is_known_it_is_said_once_that_nothing_can_be_said() -> None:
    story = Story(IN_BLIPS, WARMED)
    story.play({"v1": (1, 0)}, panes=20)
    assert story.play(HALF, panes=120) == ["alert v2 release firing"]
    assert story.told[-1].severity == "ticket"
    assert story.told[-1].sentence == (
        "Version v2 of model m: v1 serves no longer, and canary cannot tell whether v2 is worse than it was in its "
        "last 6 hours: of ok it had 20 such events."
    )


def test_after_an_outage_of_the_baseline_it_is_said_why_nothing_is_surely_worse() -> None:
    """Three times the odds of 90 % bad, and more, cannot be shown: it said nothing, of any harm."""
    story = replaced()
    story.play({"v1": (10, 90)}, panes=720)
    story.told.clear()
    story.play(OLD, panes=60)
    assert story.play(HALF, panes=60) == ["alert v2 release firing"]
    assert "it was 90 % bad at its worst, beyond which nothing is surely worse" in story.told[-1].reason
    story.restart()
    assert story.play(HALF, panes=60) == []


def test_a_version_that_served_long_ago_is_compared_when_it_replaces_another() -> None:
    """The day in which it is compared began with its first request ever."""
    story = Story(IN_BLIPS, WARMED.replace('known = "1h"', 'known = "7d"'))
    story.play({"v2": WELL}, panes=60)
    story.play({"v1": WELL, "v2": WELL}, panes=6)
    story.next += 3 * 8_640
    story.play(OLD, panes=360)
    story.play(OLD, said=[release()])
    assert story.until("rollback", HALF, panes=60).evidence.historical


def test_a_canary_that_takes_over_after_days_is_compared() -> None:
    story = replaced(IN_BLIPS.replace("margin_points = 0.05", "margin_points = 0.0").replace("3.0", "1.01"))
    for _ in range(200):
        story.next += 99
        story.play({"v1": WELL, "v2": (1, 0)})
    story.play({"v1": WELL, "v2": (1, 0)}, panes=60)
    assert "promote" not in [event.type for event in story.told]
    assert story.until("rollback", HALF, panes=60).evidence.historical


def test_what_was_promoted_is_compared_with_what_its_baseline_had() -> None:
    story = Story(IN_BLIPS.replace("margin_points = 0.05", "margin_points = 0.2"), WARMED).settled()
    story.until("promote", {"v1": WELL, "v2": WELL})
    event = story.until("rollback", HALF, panes=60)
    assert (event.version, event.pin, event.evidence.historical) == ("v2", "v1", True)


@pytest.mark.parametrize(("action", "said"), [("hold", "hold v2 canary"), ("kill", "kill v2 canary")])
def test_the_policy_says_what_is_done(action: str, said: str) -> None:
    story = replaced(IN_BLIPS + f'cutover_action = "{action}"\n')
    assert said in story.play(HALF, panes=54)


def test_alert_tells_people_once_and_does_nothing() -> None:
    story = replaced(IN_BLIPS + 'cutover_action = "alert"\n')
    assert story.play(HALF, panes=90) == ["alert v2 canary firing"]
    assert story.told[-1].severity == "page"


def test_without_a_word_it_is_what_the_rule_does() -> None:
    (rule,) = parse(BASE + CANARY.replace('action = "rollback"', 'action = "hold"')).rules
    assert isinstance(rule, Canary)
    assert rule.cutover_action == "hold"


def test_a_restart_does_not_show() -> None:
    one, other = replaced(), replaced()
    for pane in range(60):
        one.pane(HALF)
        other.pane(HALF)
        if pane % 7 == 3:
            other.restart()
    assert one.told == other.told
    assert [event.type for event in one.told][:1] == ["rollback"]


@pytest.mark.parametrize(
    ("line", "key", "allowed"),
    [
        ('cutover_action = "stop"', "cutover_action", "must be one of alert, hold, throttle, rollback, kill"),
        ("cutover_tolerance = 0.5", "cutover_tolerance", "must be a ratio of odds"),
        ("cutover_points = 2", "cutover_points", "must be a number below 1"),
    ],
)
def test_wrong_keys_are_refused(line: str, key: str, allowed: str) -> None:
    assert allowed in refused(BASE + CANARY + line, f"rule.canary.{key}").allowed


def test_the_same_time_a_week_ago_is_usual_too() -> None:
    hours, peak = [(9_900, 100)] * 7, [(800, 200)]
    lately, usual = most_allowed(hours, [], 3.0, 0.05), most_allowed(hours, peak, 3.0, 0.05)
    assert lately is not None
    assert usual is not None
    assert lately < 0.07
    assert 0.4 < usual < 0.45
    assert most_allowed([(10, 10)], peak, 3.0, 0.05) is None
    assert most_allowed([(1, 999)], [], 3.0, 0.05) is None


@pytest.mark.parametrize("cap", [math.inf, math.log(3)])
@pytest.mark.parametrize("n", [1, 4, 9])
def test_a_blip_is_an_e_variable_at_the_most_that_is_allowed(n: int, cap: float) -> None:
    """By enumeration: E has a mean of at most 1 after one, whatever the ratio up to the most."""
    for ratio in (0.05, 0.2, 0.3):
        mean = 0.0
        for bad in range(n + 1):
            past = Past(since=0).step(n - bad, bad, 0.3, cap)
            now = sum(math.exp(each) for each in past.log_m) / len(past.log_m) + 1 / 2
            mean += math.comb(n, bad) * ratio**bad * (1 - ratio) ** (n - bad) * now
        assert mean <= 1 + 1e-12
