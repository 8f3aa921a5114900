"""Requests count in the cohort of when they were made, and feedback in that of its request, however late it comes."""

import json
from collections import Counter, defaultdict
from random import Random
from typing import Any

import pytest

from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, START_MS, STARTED_MS
from tests.dataflows.running import Table, run_pure
from tests.oracle import Log

KEPT = """
[sli.kept]
good = "feedback_absent"
kind = "abandon"
within = "90s"

[sli.unreported]
good = "feedback_absent"
kind = "report"
within = "10m"
"""
RULES = parse(POLICY + KEPT)
WITHIN = {"kept": ("abandon", 90_000), "unreported": ("report", 600_000)}
PANE_MS = 10_000

Items = list[dict[str, Any]]


def made(random: Random, count: int = 750, apart_ms: int = 2_000) -> tuple[Items, Items]:
    """Requests `apart_ms` apart, some late; feedback on some, up to twelve minutes later, by its time."""
    events: Items = []
    feedback: Items = []
    for index in range(count):
        ts = START_MS + index * apart_ms - (random.randrange(200_000) if random.random() < 0.03 else 0)
        whose: dict[str, Any] = {
            "request_id": f"r{index}",
            "model": random.choice(["m", "n"]),
            "version": random.choice(["v1", "v2"]),
        }
        whose |= {"slices": {"region": random.choice(["eu", "us"])}}
        events.append(whose | {"ts": ts})
        if random.random() < 0.6:
            told = whose | {"ts": ts + random.randrange(720_000), "kind": random.choice(["abandon", "report", "edit"])}
            feedback.append(told | ({"request_ts": ts} if random.random() < 0.9 else {}) | {"value": 1})
    return events, sorted(feedback, key=lambda each: each["ts"])


def logs(events: Items, feedback: Items) -> list[Log]:
    return [
        Log(name=name, stream=name, first=1, messages=[json.dumps(each).encode() for each in items])
        for name, items in (("events", events), ("feedback", feedback))
    ]


def cohorts(tables: Table) -> dict[tuple[str, ...], tuple[int, int]]:
    """(requests, bad) of each cohort, from all its rows."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for row in tables["sli_cohort"]:
        key = (row["model"], row["version"], row["dims"]["region"], row["sli"], row["pane_start"])
        found[key][0] += row["requests"]
        found[key][1] += row["bad"]
    return {key: (asked, heard) for key, (asked, heard) in found.items()}


def wanted(events: Items, feedback: Items) -> dict[tuple[str, ...], tuple[int, int]]:
    asked: Counter[Any] = Counter()
    heard: Counter[Any] = Counter()
    for sli, (kind, within_ms) in WITHIN.items():
        for each in events:
            asked[_key(each, sli, each["ts"])] += 1
        for each in feedback:
            at = each["request_ts"] if "request_ts" in each else each["ts"]  # What does not say is of its own time.
            if each["kind"] == kind and each["ts"] - at <= within_ms:
                heard[_key(each, sli, at)] += 1
    return {key: (asked[key], heard[key]) for key in asked | heard}


def _key(each: dict[str, Any], sli: str, at: int) -> tuple[Any, ...]:
    return each["model"], each["version"], each["slices"]["region"], sli, at // PANE_MS * PANE_MS


@pytest.mark.parametrize("seed", range(3))
def test_cohorts_are_those_of_a_count_by_hand_in_any_batches(seed: int) -> None:
    random = Random(seed)
    events, feedback = made(random)
    tables = run_pure(RULES, logs(events, feedback), STARTED_MS, random, random.randrange(1, 300))
    found = cohorts(tables)
    expected = wanted(events, feedback)
    assert sum(bad for _, bad in expected.values()) > 100
    assert found == expected


def test_each_row_is_another_one() -> None:
    """Rows of equal keys would replace each other."""
    events, feedback = made(Random(9))
    rows = run_pure(RULES, logs(events, feedback), STARTED_MS, Random(1), 50)["sli_cohort"]
    names = ("model", "sli", "version", "slice", "pane_start", "within_ms", "late", "arrival", "came")
    assert len({tuple(row[name] for name in names) for row in rows}) == len(rows)
    assert any(row["late"] for row in rows)
    assert all(row["pane_start"] <= row["came"] <= row["arrival"] for row in rows)


def test_without_rules_it_has_no_windows_and_changes_no_other_counts() -> None:
    events, feedback = made(Random(4))
    without = run_pure(parse(POLICY), logs(events, feedback), STARTED_MS, Random(1), 100)
    tables = run_pure(RULES, logs(events, feedback), STARTED_MS, Random(1), 100)
    assert "sli_cohort" not in without
    for table in ("sli_pane", "sli_window", "outcome_pane"):
        assert tables[table] == without[table], table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[sli.x]\ngood = "feedback_absent"\nkind = "abandon"', "sli.x.within = None: is required"),
        ('[sli.x]\ngood = "feedback_absent"\nwithin = "1m"', "sli.x.kind = None: is required"),
        (
            '[sli.x]\ngood = "feedback_absent"\nkind = "sulk"\nwithin = "1m"',
            "sli.x.kind = 'sulk': must be one of label",
        ),
        ('[sli.x]\ngood = "feedback_absent"\nkind = "edit"\nwithin = "8d"', "sli.x.within = '8d': must be more than"),
        ('[sli.x]\ngood = "feedback_absent"\nkind = "edit"\nwithin = "0s"', "sli.x.within = '0s': must be more than"),
        ('[sli.x]\ngood = "feedback_absent"\nkind = "edit"\nwithin = "9"', "sli.x.within = '9': must be a duration"),
        ('[sli.x]\ngood = "no_error"\nwithin = "1m"', "sli.x.within = '1m': has no meaning with good = \"no_error\""),
        (
            KEPT + '[[monitor]]\nname = "r"\nkind = "page_hinkley"\non = "sli.kept"\nlearned_from = 20',
            "monitor.r.on = 'sli.kept': is counted by when requests were made",
        ),
    ],
)
def test_a_wrong_policy_is_named(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(POLICY + text)
    assert str(error.value).startswith(message)
