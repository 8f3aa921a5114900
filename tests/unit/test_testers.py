"""A few testers of a candidate, beside many users of its baseline: two people who differ are no proof."""

import json

from operators.evaluation import ShardEvaluation
from operators.ingest.partition import Partition
from operators.rules.comparison import Comparison
from operators.rules.recurring import Recurring, by_version
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.windows import PaneWithWindows
from tests.dataflows.making import received
from tests.releasing import PANE_MS, RELEASE, START, policy

POLICY = policy(release=RELEASE)


def served(pane: int, testers: int) -> Partial:
    """Of v1 forty requests, each of another user, of whom a fifth fail; of v2 twenty, of which half fail."""
    bodies = [
        {"request_id": f"{version} {pane} {n}", "ts": pane * PANE_MS, "model": "m", "version": version,
         "slices": {"region": "eu"}, "user_id": f"{version} {n % testers if version == 'v2' else (pane, n)}",
         "error_type": "500" if (n % 2 if version == "v2" else n % 5 == 0) else None}
        for version, requests in (("v1", 40), ("v2", 20 if pane >= START + 60 else 0))
        for n in range(requests)
    ]  # fmt: skip
    taken = Partition("log", "events", ("log",), POLICY).take(received([json.dumps(each).encode() for each in bodies]))
    return merge([part for _, given in taken.inputs for _, part in given.partials])


def rolled_back(testers: int) -> bool:
    judge, events = ShardEvaluation(POLICY), []
    for pane in range(START, START + 120):
        part = served(pane, testers)
        done = judge.push(PaneWithWindows(closed=Closed(pane=pane, on_time=part), windows=()))
        events += [event.type for each in done for event in each.events]
    return "rollback" in events


def test_two_testers_roll_back_nothing_and_many_do() -> None:
    assert not rolled_back(testers=2)
    assert rolled_back(testers=20)


def test_what_was_known_of_both_versions_together_each_has_from_then_on() -> None:
    release = Comparison("m", "v2", "v1", since=1, begins=1)
    new = by_version({release: Recurring()})
    assert new.keys() == {(release, 0), (release, 1)}
    assert new[release, 0] is not new[release, 1]
    assert by_version(new).keys() == new.keys()
