"""Rules on what users do not say: a cohort of requests counts for them once, when its time is over."""

import json
from collections import Counter
from random import Random
from typing import Any, cast

import pytest

from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.window.pane_items import Closed, ShardInput
from operators.window.panes import Panes
from operators.window.saved_panes import SavedPanes
from operators.wire.commands import Details, Release
from tests.dataflows.making import FOLLOWS_ALL, STARTED_MS
from tests.dataflows.running import Table, messages_of, run_pure, run_shards
from tests.oracle import Log
from tests.policies import refused, sli
from tests.releasing import (
    BASE,
    CANARY,
    OLD,
    RELEASE,
    SMALL_WELL,
    START,
    THRESHOLD,
    Counts,
    Story,
    release,
)
from tests.rolled_back import PANE_MS, START_MS

ON_JUDGES = sli("quality", "at_least", field="feedback.judge", limit=4)
KEPT = sli("kept", "feedback_absent", kind="abandon", within="95s")
WAIT = 10  # Panes in which feedback on the requests of one may come in time.
THRESHOLD = THRESHOLD.replace('sli = "ok"', 'sli = "kept"')
RULES = parse(FOLLOWS_ALL + KEPT + THRESHOLD.replace('slices = ["*", "region"]', 'slices = ["*"]'))
RELEASES = parse(BASE + KEPT + CANARY.replace('["ok"]', '["kept"]') + RELEASE)


def story(seed: int, shares: dict[str, float], panes: int = 90) -> list[Log]:
    """Requests of v1, from pane 20 on of v2 as well; of each the share is given up, now and then twice or too late."""
    random = Random(seed)
    events: list[dict[str, Any]] = []
    feedback: list[dict[str, Any]] = []
    for number in range(panes * 12):
        ts = START_MS + number * PANE_MS // 12
        version = random.choice(["v1", "v2"] if number >= 240 else ["v1"])
        whose = {"request_id": f"r{number}", "model": "m", "version": version, "slices": {"region": "eu"}}
        events.append(whose | {"ts": ts})
        for _ in range(random.choice([1, 1, 2]) if random.random() < shares[version] else 0):
            said = whose | {"ts": ts + random.randrange(140_000), "kind": "abandon", "value": 1, "request_ts": ts}
            feedback.append(said)
    feedback.sort(key=lambda each: each["ts"])
    return [
        Log(stream, stream, [json.dumps(each).encode() for each in items])
        for stream, items in (("events", events), ("feedback", feedback))
    ]


def counted(tables: Table) -> dict[tuple[str, int], tuple[int, int]]:
    """(good, bad) of each version and pane, by the number of the pane."""
    rows = [row for row in tables["sli_pane"] if row["sli"] == "kept"]
    found = {(row["version"], row["pane_start"] // PANE_MS): (row["good"], row["bad"]) for row in rows}
    assert len(found) == len(rows)
    return found


def by_hand(logs: list[Log]) -> dict[tuple[str, int], tuple[int, int]]:
    requests, said = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    events, feedback = ([json.loads(each) for each in log.messages] for log in logs)
    for each in events:
        requests[each["version"], each["ts"] // PANE_MS] += 1
    for each in feedback:
        said[each["version"], each["request_ts"] // PANE_MS] += each["ts"] - each["request_ts"] <= 95_000
    last = max(each["ts"] for each in events + feedback) // PANE_MS
    bad = {key: min(said[key], count) for key, count in requests.items()}
    return {
        (version, pane + WAIT): (count - bad[version, pane], bad[version, pane])
        for (version, pane), count in requests.items()
        if pane + WAIT <= last
    }


@pytest.mark.parametrize("seed", range(2))
def test_a_cohort_counts_once_when_its_time_is_over_in_any_batches(seed: int) -> None:
    logs = story(seed, {"v1": 0.2, "v2": 0.9})
    found = counted(run_pure(RULES, logs, STARTED_MS, Random(seed), 200))
    assert found == by_hand(logs)
    assert sum(bad for _, bad in found.values()) > 200


def test_without_a_rule_on_it_nothing_is_kept() -> None:
    tables = run_pure(parse(FOLLOWS_ALL + KEPT), story(1, {"v1": 0.2, "v2": 0.9}), STARTED_MS, Random(1), 200)
    assert counted(tables) == {}
    assert tables["sli_cohort"]


def inputs(policy: Policy, logs: list[Log]) -> list[ShardInput]:
    names = tuple(log.name for log in logs)
    partitions = {log.name: Partition(log.name, cast(Any, log.stream), names, policy) for log in logs}
    found: list[ShardInput] = []
    for first in range(0, max(len(log.messages) for log in logs), 70):
        for log in logs:
            if messages := messages_of(log, first, first + 70, STARTED_MS):
                found += [item for shard, item in partitions[log.name].take(messages).inputs if item.partials]
    return found


def closed(panes: Panes, items: list[ShardInput], *, restarts: bool) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for item in items:
        if restarts:
            panes = Panes(RULES, loads(dumps(panes.save(), RULES), SavedPanes, RULES))
        ripe = [each for each in panes.push(item) if isinstance(each, Closed) and each.on_time is not None]
        found += [(each.pane, str(each.on_time)) for each in ripe]
    return found


def test_restarts_do_not_show() -> None:
    items = inputs(RULES, story(2, {"v1": 0.2, "v2": 0.9}, panes=45))
    without = closed(Panes(RULES), items, restarts=False)
    assert len(without) > 20
    assert closed(Panes(RULES), items, restarts=True) == without


def test_a_threshold_is_broken_when_too_many_give_up() -> None:
    for share, broken in ((0.01, set()), (0.4, {"v1", "v2"})):
        tables = run_pure(RULES, story(3, {"v1": share, "v2": share}), STARTED_MS, Random(1), 500)
        verdicts = tables.get("verdict", [])
        assert {row["version"] for row in verdicts if (row["sli"], row["verdict"]) == ("kept", "BAD")} == broken


@pytest.mark.parametrize(("share", "types"), [(0.05, set()), (0.6, {"rollback"})])
def test_a_version_whose_users_give_up_is_rolled_back(share: float, types: set[str]) -> None:
    logs = story(4, {"v1": 0.05, "v2": share}, panes=90)
    shards = run_shards(RELEASES, logs, STARTED_MS, 10_000)
    assert {event.type for event in shards.events if event.type == "rollback"} == types
    assert {event.version for event in shards.events if event.type == "rollback"} <= {"v2"}


def test_a_version_is_not_promoted_before_the_time_of_its_requests_is_over() -> None:
    promoted = []
    for slis in ('["ok"]', '["ok", "kept"]'):
        canary = CANARY.replace('["ok"]', slis).replace("margin_points = 0.05", "margin_points = 0.2")
        shards = run_shards(
            parse(BASE + KEPT + canary + RELEASE), story(4, {"v1": 0.0, "v2": 0.0}, panes=50), STARTED_MS, 10_000
        )
        promoted += [event.ts for event in shards.events if event.type == "promote"]
    assert len(promoted) == 2
    assert promoted[1] - promoted[0] >= WAIT * PANE_MS


def test_more_than_an_hour_is_refused_of_a_rule() -> None:
    late = sli("late", "feedback_absent", kind="report", within="2h")
    parse(BASE + late)
    refused(BASE + late + THRESHOLD.replace("kept", "late"), "rule.slo.sli", "must have within = 1h at most")
    refused(BASE + late + CANARY.replace('["ok"]', '["late"]'), "rule.canary.slis", "must have within = 1h at most")


def played(warm_up: str, said: dict[int, Release], given_up: range) -> set[str]:
    """Play v2 beside v1 from pane 60 on; of its requests of the panes `given_up` three in four are, of others none."""
    rules = BASE.replace(ON_JUDGES, sli("quality", "feedback_absent", kind="abandon", within="95s"))
    story = Story(start=START)
    story.policy = parse(rules + CANARY.replace('["ok"]', '["quality"]') + RELEASE.replace("0s", warm_up))
    story.judge = ShardEvaluation(story.policy)
    for pane in range(150):
        ok: Counts = OLD | ({"v2": SMALL_WELL} if pane >= 60 else {})
        made = pane - WAIT  # When the requests were made that count in this pane.
        quality: Counts = OLD | ({"v2": (5, 15) if made in given_up else (20, 0)} if made >= 60 else {})
        story.pane(ok, quality, said=[said[pane]] if pane in said else [])
    return {event.type for event in story.told}


def test_a_build_is_not_blamed_for_what_users_say_of_the_one_before_it() -> None:
    builds: list[Details] = [{"candidate": {"build": number}} for number in (1, 2)]
    said = {60: release(metadata=builds[0]), 66: release(metadata=builds[1])}
    assert "rollback" not in played("0s", said, range(60, 66))
    assert "rollback" in played("0s", said, range(66, 80)), "its own users are heard"


def test_of_cold_requests_nothing_that_users_say_counts() -> None:
    said = {60: release(share=0.1), 100: release(share=0.2)}
    assert "rollback" not in played("1m", said, range(60, 66))
    assert "rollback" not in played("1m", said, range(100, 106))
    assert "rollback" in played("1m", said, range(106, 120))


@pytest.mark.parametrize(("testers", "types"), [(2, set()), (10_000, {"rollback"})])
def test_two_users_who_give_up_again_and_again_are_two(testers: int, types: set[str]) -> None:
    """Of the requests of v2 twice as many are given up as of v1: by one of two users, or by every other of many."""
    random = Random(5)
    events: list[dict[str, Any]] = []
    feedback: list[dict[str, Any]] = []
    for number in range(90 * 12):
        ts, version = START_MS + number * PANE_MS // 12, "v2" if number >= 240 and number % 2 else "v1"
        user = number // 2 % testers if version == "v2" else number
        whose = {"request_id": f"r{number}", "model": "m", "version": version, "slices": {"region": "eu"}}
        events.append(whose | {"ts": ts, "user_id": f"{version} {user}"})
        if random.random() < (0.2 if version == "v1" else 0.7 if user % 2 else 0.1):
            feedback.append(whose | {"ts": ts, "kind": "abandon", "value": 1, "request_ts": ts})
    logs = [
        Log(stream, stream, [json.dumps(each).encode() for each in items])
        for stream, items in (("events", events), ("feedback", feedback))
    ]
    shards = run_shards(RELEASES, logs, STARTED_MS, 10_000)
    assert {event.type for event in shards.events if event.type == "rollback"} == types
