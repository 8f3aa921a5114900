"""A worker goes on under a policy whose monitors watch other fields: what they find of the others is undisturbed."""

from functools import cache
from random import Random
from typing import Any

import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from tests.dataflows import test_policy_evolution as evolution
from tests.dataflows.making import START_MS, STARTED_MS, packed
from tests.dataflows.running import Table, run_flow
from tests.dataflows.test_policy_evolution import MONITOR, going_on, stayed
from tests.monitored import FILES
from tests.oracle import Log
from tests.policies import base, sli, table

SMALL = (
    base("segment", late_horizon="10m", tumbling=["1m"], measures=["latency_ms"])
    + table("dedup", horizon="0s")
    + table("dead_letters", share_max=1.0)
    + sli("fast", "at_most", field="latency_ms", limit=150.5)
    + MONITOR
)
DRIFT = table("drift", profile="all.json")
WATCHES = """
[[monitor]]
name = "{name}"
kind = "{kind}"
on = {on}
slices = ["*", "segment"]
window = "{window}"
"""
SHIFT = WATCHES.format(name="shift", kind="psi", on='["score", "feedback.label"]', window="1m")
KEPT = WATCHES.format(name="kept", kind="contract", on='["score"]', window="2m") + "low = 0.0\nhigh = 0.3\n"
GONE = WATCHES.format(name="gone", kind="psi", on='["flags.refused", "prediction"]', window="1m")
NEW = WATCHES.format(name="new", kind="psi", on='["latency_ms", "score"]', window="1m")
RULE = '[[rule]]\nname = "{name}"\nkind = "drift"\nmonitors = ["{on}"]\n'
ONE = SMALL + GONE + SHIFT + KEPT + RULE.format(name="listens", on="kept") + DRIFT
MORE = sli("warmer", "at_least", field="score", limit=0)
ESTIMATED = sli("guess", "estimated", labels_min=5)
# Another field in front of those that stay, one after them, and two less; SLIs as well.
TWO = SMALL + MORE + ESTIMATED + NEW + SHIFT + KEPT + RULE.format(name="listens", on="kept") + DRIFT
FIELDS = {"shift": ("score", "feedback.label"), "kept": ("score",), "steady": ("sli.fast", "latency_ms")}


def policy_of(text: str) -> Policy:
    return parse(text, FILES)


def logs() -> list[Log]:
    return [*evolution.logs(), labels()]


@cache
def undisturbed(text: str) -> Table:
    return run_flow(policy_of(text), logs(), STARTED_MS, sizes=lambda: 20).tables


def of_monitors(tables: Table) -> Table:
    """What is said of fields that both policies watch, by the monitors that both have."""
    rows = [row for row in tables["drift"] if row["monitor"] in FIELDS]
    counts = [row for row in tables["feature_window"] if row["field"] in ("score", "feedback.label")]
    return {"drift": rows, "verdict": [row for row in tables["verdict"] if row["rule"] == "listens"], "measure": counts}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, list[Table]]:
    policies = [policy_of(each) for each in (ONE, TWO, ONE, TWO)]
    return going_on(tmp_path_factory.mktemp("store"), policies, logs(), 4)


def test_monitors_that_are_the_same_go_on_as_in_an_undisturbed_run(runs: tuple[Table, list[Table]]) -> None:
    every, each = runs
    wanted = undisturbed(ONE)
    assert stayed({**every, "drift": []}) == stayed({**wanted, "drift": []})
    found, due = of_monitors(every), of_monitors(wanted)
    for name, rows in due.items():
        kept = {str(sorted(row.items())) for row in without_policy(found[name])}
        assert kept == {str(sorted(row.items())) for row in without_policy(rows)}, name
    said = {(row["monitor"], row["verdict"]) for row in due["drift"]}
    assert {("kept", "BAD"), ("shift", "INSUFFICIENT")} <= said or {("kept", "BAD"), ("shift", "BAD")} <= said, said
    assert [row for row in of_monitors(each[3])["drift"] if row["monitor"] == "shift"]


def test_what_is_watched_anew_begins_with_a_pane(runs: tuple[Table, list[Table]]) -> None:
    _, each = runs
    alone = counted(undisturbed(TWO), "latency_ms")
    found = counted(each[3], "latency_ms")
    assert found
    # The window that it began in holds what came since; the next ones are whole.
    assert all(sum(found[key]) <= sum(alone[key]) for key in found)
    assert [key for key in found if found[key] == alone[key]]
    assert not counted(each[3], "flags.refused")


def test_an_sli_may_be_estimated_for_the_first_time(runs: tuple[Table, list[Table]]) -> None:
    """It watches scores and labels, and asked for a new folder."""
    assert [row for row in runs[1][3]["sli_pane"] if row["sli"] == "guess" and row["good"] + row["bad"]]


def labels() -> Log:
    """Labels that say how sure the model was."""
    random, items = Random(3), []
    for at in range(300):
        item = {"request_id": f"l{at}", "ts": START_MS + at * 450, "kind": "label", "value": "yes", "version": "v1"}
        items.append({**item, "model": f"m{at % 2}", "prediction": random.choice(["yes", "no"]), "score": 0.25})
    return Log("labels", "feedback", packed(random, items))


def counted(tables: Table, field: str) -> dict[tuple[Any, ...], list[int]]:
    rows = [row for row in tables["feature_window"] if row["field"] == field]
    return {(row["model"], row["version"], row["slice"], row["window_end"]): list(row["counts"]) for row in rows}


def without_policy(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: each for key, each in row.items() if key != "policy"} for row in rows]
