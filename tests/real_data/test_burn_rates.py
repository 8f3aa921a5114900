"""Worked cases of others: burn rates of the SRE workbook as sloth has them, and the error budget of slo-generator."""

from typing import Any

import pytest

from operators.policy.reading import Duration
from operators.policy.tiers import TierTable, tiers_of
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.burn_rate_keys import BurnRate
from tests.judged import D, H, Watch, policy
from tests.real_data.data import read_json

pytestmark = pytest.mark.real_data


def case(name: str) -> dict[str, Any]:
    return next(each for each in read_json("stats_vectors.json") if each["id"] == name)


def test_the_tiers_of_30_days_are_those_of_the_sre_workbook() -> None:
    published = case("sre_burn_30d")
    given, expected = published["input"], published["expected"]
    target, period = given["objective"] / 100, given["period_h"] * H
    tables = [
        TierTable(
            share=alert["budget_pct"] / 100,
            long=Duration(alert["long"]),
            short=Duration(alert["short"]),
            severity="page" if alert["name"].startswith("page") else "ticket",
        )
        for alert in given["alerts"]
    ]
    tiers = tiers_of(tables, "tiers", target, period, 10_000)
    assert [tier.factor for tier in tiers] == pytest.approx(expected["burn_rate"])
    limits = [tier.factor * (1 - target) * 100 for tier in tiers]
    assert limits == pytest.approx(expected["error_rate_threshold_pct"])
    # Our default tiers are the same ones.
    assert tiers_of(None, "tiers", target, period, 10_000) == tiers


def test_the_evidence_of_a_burn_is_that_of_an_error_budget_report() -> None:
    """Half of 7,112 requests of 12 h fail at a goal of 90 %: burning at 5, an alert above 3."""
    published = case("slo_report")
    given, expected = published["input"], published["expected"]
    window = TierTable(
        share=given["burn_rate_threshold"] * 12 / 720, long=Duration("12h"), short=Duration("1h"), severity="page"
    )
    tiers = tiers_of([window], "tiers", given["goal"], 30 * D, 10_000)
    assert [tier.factor for tier in tiers] == pytest.approx([given["burn_rate_threshold"]])
    rule = BurnRate(name="burn", sli="ok", target=given["goal"], period_ms=30 * D, tiers=tiers)
    seen = Watch(BurnRateEvaluator(rule, policy()))
    words = seen.of(given["good"], given["bad"])
    assert (words == ["BAD"]) == expected["alert"]
    evidence = seen.last.evidence
    assert evidence.window_ms == given["window_s"] * 1_000
    assert evidence.value is not None
    assert evidence.value / (1 - given["goal"]) == pytest.approx(expected["error_budget_burn_rate"])
