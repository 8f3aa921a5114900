"""What `rollguard check` says of rules: when they are BAD, and the smallest harm that they can see."""

import io

import pytest
from rich.console import Console

from flows.check import print_policy
from flows.check_rules import detects, when
from operators.drift.registry import false_alarms_of
from operators.policy_file.toml import parse
from operators.rules.absence import Absence
from operators.rules.canary_keys import Canary
from operators.rules.measure import MeasureRule
from operators.rules.threshold import Threshold
from tests.judged import POLICY, H, M, policy, sre
from tests.unit.test_policy_monitors import FILES, MONITORS
from tests.unit.test_policy_rules import RULES


def printed(more: str) -> str:
    text = io.StringIO()
    print_policy(policy(more), Console(file=text, width=200, markup=False, emoji=False))
    return text.getvalue()


def test_every_rule_is_listed_with_what_it_leads_to() -> None:
    text = printed(RULES)
    for words in (
        "slo",
        "budget",
        "slow",
        "gone",
        "canary",
        "rollback (ticket)",
        "hold in a slice",
        "rollback at a cut-over beyond x3",
        "region,segment",
    ):
        assert words in text
    assert "all versions" in text
    assert "BAD when" not in printed("")
    assert "No [[rule]]: all is counted, and nothing is said." in printed("")
    assert "No [[rule]]" not in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_names_are_whole_in_a_narrow_terminal(width: int) -> None:
    """At 80 columns `availability-slo` was `availa...`."""
    long = "a-rule-with-a-name-of-some-length"
    text = io.StringIO()
    made = parse(POLICY + RULES.replace('name = "slo"', f'name = "{long}"') + MONITORS, FILES)
    print_policy(made, Console(file=text, width=width, markup=False, emoji=False))
    for name in [*(rule.name for rule in made.rules), *(monitor.name for monitor in made.monitors)]:
        assert name in text.getvalue()
    assert "…" not in text.getvalue()


def monitored(more: str = MONITORS) -> str:
    text = io.StringIO()
    made = parse(POLICY + more, FILES)
    print_policy(made, Console(file=text, width=220, markup=False, emoji=False))
    return text.getvalue()


def test_every_monitor_is_listed_with_its_false_alarms() -> None:
    text = monitored()
    for words in ("amount-other", "page_hinkley", "features.card (input)", "latency_ms (output)", "of search in *"):
        assert words in text
    assert "the same window a week before" in text
    assert "low -5, high 20" in text
    assert "Read for them: 50% of the requests, 100% of search." in text
    assert "drift is found by amount, all" in text
    assert "false alarms" not in printed("").lower()
    assert "Warning: more than one a day at 50 series: judge, failures." in text


def test_false_alarms_are_those_that_the_detectors_promise() -> None:
    rows = {line.split()[0]: line.split()[-2:] for line in monitored().splitlines() if line.strip()}
    assert rows["amount"] == ["0.084", "0.084"], "judged together, so more slices cost nothing: two-hourly at 0.001"
    assert rows["judge"] == ["0.23", "11"], "hourly at three sigma, of each series"
    few, many = (
        sum(false_alarms_of(each, 10_000, series) for each in parse(POLICY + MONITORS, FILES).monitors)
        for series in (1, 50)
    )
    assert rows["all"] == [f"{few:.2g}", f"{many:.2g}"]


def test_a_threshold_says_the_best_ratio_that_is_surely_too_bad() -> None:
    rule = Threshold(name="slo", sli="ok", target=0.95, window_ms=5 * M, for_ms=10 * M)
    assert when(rule) == "ok surely below 0.95 over 5m for 10m"
    assert list(detects(rule)) == ["of 1: nothing", "of 10: 60.0% good", "of 100: 88.0% good", "of 1,000: 93.2% good"]


def test_a_burn_rate_says_for_each_tier_how_many_failures_it_needs() -> None:
    lines = list(detects(sre(0.95)))
    # 14.4 * 5 % = 72 %: ten failures of ten are possible by chance in 3.7 %.
    assert lines[0] == "page: x14.4, 72.00% bad in 1h and 5m; 83 of 100, 754 of 1,000"
    assert lines[3].startswith("ticket: x1, 5.00% bad in 3d and 6h; 4 of 10")


@pytest.mark.parametrize(
    ("slis", "needed"),
    [(("ok",), [(130, 150), (40, 50), (17, 25)]), (("ok", "fast"), [(150, 180), (50, 60), (20, 25)])],
)
def test_a_canary_says_about_as_many_bad_events_as_it_was_measured_to_need(
    slis: tuple[str, ...], needed: list[tuple[int, int]]
) -> None:
    lines = list(detects(Canary(name="canary", slis=slis, blip_ms=0)))
    said = [int(line.split(": ")[1].split()[0]) for line in lines[:3]]
    assert all(low <= number <= high for number, (low, high) in zip(said, needed, strict=True)), lines


def test_the_other_kinds_are_said_in_words() -> None:
    slow = MeasureRule(
        name="m", measure="cost_usd", statistic="per_1k", window_ms=H, at_most=3.5, at_least=0.1, n_min=50
    )
    assert when(slow) == "per_1k of cost_usd above 3.5 or below 0.1 over 1h"
    assert list(detects(slow)) == ["from 50 values on"]
    assert when(Absence(name="a", after_ms=M)) == "STALE: had events, and none for 1m"
    assert when(Canary(name="c", slis=("ok",), tolerance=1.2)).startswith(
        "a candidate is worse than its baseline by more"
    )


QUALITY = '\n[sli.quality]\ngood = "at_least"\nfield = "feedback.judge"\nlimit = 4\n'
JUDGED = '[[rule]]\nname = "canary"\nkind = "canary"\nslis = ["ok", "quality"]\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (QUALITY + JUDGED, "labels when 9 in 10 have come"),
        (QUALITY + JUDGED + 'maturity = "90m"', "labels 90m old"),
        (QUALITY + JUDGED.replace(', "quality"', ""), None),
    ],
)
def test_a_canary_says_how_old_labels_are_when_it_compares_them(more: str, said: str | None) -> None:
    text = printed(more)
    assert said in text if said else "labels " not in text.split("BAD when")[1]


def test_evaluators_are_listed_with_what_they_judge_and_of_how_many() -> None:
    text = printed(
        '[[evaluator]]\nname = "format"\nkind = "json_schema"\n'
        '[[evaluator]]\nname = "helpful"\nkind = "llm"\nafter = "format"\nshare = 0.01\nendpoint = "http://judge/v1"\n'
        'model = "j"\ncriteria = { helpfulness = "?", tone = "?" }\n'
    )
    assert "evaluator format" in text
    assert "the answer is JSON; 0.05 of the requests; source format@" in text
    assert "j at http://judge/v1 scores helpfulness, tone; 0.01 of the requests that pass format" in text
