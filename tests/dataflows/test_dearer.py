"""A candidate that costs twenty times as much for nothing is held, by three rules; one that earns it is not.

Version v2 serves beside v1 from the sixth minute on: as many successes, the same KPI, at twenty times the cost; or, in
the other story, with twenty times the KPI.
"""

import json

import pytest

from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from tests.dataflows.running import Ran, run_flow
from tests.dearer import BASE, END_S, START_MS, logs

PER_SUCCESS = """
[[rule]]
name = "dear"
kind = "measure"
measure = "cost_usd"
statistic = "per_success"
success = "availability"
window = "2m"
at_most = 0.02
action = "hold"
"""
PER_KPI = PER_SUCCESS.replace('"per_success"\nsuccess = "availability"', '"per_kpi"').replace("0.02", "0.005")
CANARY = """
[[rule]]
name = "dear"
kind = "canary"
slis = ["availability"]
measures = [{ name = "cost_usd", statistic = "mean", tolerance = 0.2 }]
blip = "0s"
action = "hold"
"""


def _ran(rule: str, worth: float) -> Ran:
    return run_flow(parse(BASE + rule), logs(worth), START_MS + END_S * 1000)


def _holds(ran: Ran) -> list[str]:
    held = [event for event in ran.control if event.type == "hold" and event.state == "firing" and event.rule == "dear"]
    return [event.version for event in held]


@pytest.mark.parametrize("rule", [PER_SUCCESS, PER_KPI, CANARY], ids=["per_success", "per_kpi", "canary"])
def test_a_candidate_that_is_dearer_for_nothing_is_held(rule: str) -> None:
    held = _holds(_ran(rule, worth=1.0))
    assert held
    assert set(held) == {"v2"}


def test_the_kpi_that_is_meant_is_named() -> None:
    """Minutes and euros do not add up: beside a thousand minutes a request costs nothing."""
    both = logs(worth=1.0)
    items = [json.loads(message) for message in both[1].messages]
    minutes = [each | {"name": "minutes", "unit": "min", "value": 1_000} for each in items]
    mixed = [json.dumps(each).encode() for pair in zip(items, minutes, strict=True) for each in pair]
    both[1] = both[1]._replace(messages=mixed)
    named = BASE.replace('"feedback.kpi"]', '"feedback.kpi.margin", "feedback.kpi"]')
    at = START_MS + END_S * 1000
    assert set(_holds(run_flow(parse(named + PER_KPI + 'kpi = "feedback.kpi.margin"\n'), both, at))) == {"v2"}
    assert _holds(run_flow(parse(named + PER_KPI), both, at)) == []


def test_one_that_earns_what_it_costs_is_not_held() -> None:
    assert _holds(_ran(PER_KPI, worth=20.0)) == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (PER_SUCCESS.replace('success = "availability"\n', ""), "rule.dear.success = ''"),
        (PER_SUCCESS.replace('"availability"', '"quality"'), "must be an SLI on events"),
        (PER_SUCCESS.replace("per_success", "mean"), 'is for statistic = "per_success"'),
        (PER_KPI.replace('"per_kpi"', '"per_kpi"\nkpi = "latency_ms"'), "must be one of measures.names on feedback"),
    ],
)
def test_what_it_is_per_must_be_there(rule: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says.replace("[", r"\[").replace("]", r"\]")):
        parse(BASE + rule)
