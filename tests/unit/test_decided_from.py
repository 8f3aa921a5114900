"""What the store keeps of a decision: the evidence to the bit, where releases stood, commands, and policies."""

import math
from typing import Any

import numpy as np
import pytest

from operators.arrays import Ints
from operators.rules.alpha import CUTOVER
from operators.rules.estimates import decides_in, detectable, points
from operators.rules.guard import ALPHA_SHARE
from operators.stats.e_process import EProcesses
from operators.wire.control import Refusal
from tests.dataflows.running import tables_of
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    OLD,
    PANE_MS,
    WELL,
    Counts,
    Story,
    kill,
    pin,
    release,
    silence,
    unsilence,
)

TWO_REGIONS = CANARY.replace('slices = ["*", "region"]', 'slices = ["*", "region"]\nslice_action = "hold"')
# eu is harmed, us is well, and v2 alone serves ap.
HARM: Counts = {
    ("v1", "eu"): (95, 5),
    ("v1", "us"): (190, 10),
    ("v2", "eu"): (18, 2),
    ("v2", "us"): (38, 2),
    ("v2", "ap"): (9, 1),
}
ALPHA = 0.05
Row = dict[str, Any]


def stored(story: Story, table: str) -> list[Row]:
    return tables_of(story.rows)[table]


def played(panes: int = 60) -> tuple[Story, int]:
    """A release that harms one region, and the pane it began with."""
    story = Story(TWO_REGIONS).settled()
    story.rows.clear()
    began = story.next
    for _ in range(panes):
        story.pane(HARM)
    return story, began


def strata(name: str) -> Ints:
    """The rows n_c, x_c, n_b, x_b of one pane of HARM that a slice is compared in."""
    rows = []
    for region in ("eu", "us"):
        (good_c, bad_c), (good_b, bad_b) = HARM["v2", region], HARM["v1", region]
        if name in ("*", f"region={region}"):
            rows.append((good_c + bad_c, bad_c, good_b + bad_b, bad_b))
    return np.array(rows, np.int64)


@pytest.mark.parametrize("name", ["*", "region=eu", "region=us"])
def test_evidence_is_that_of_the_e_processes_recomputed_from_panes_to_the_bit(name: str) -> None:
    story, began = played()
    mine = {row["at"]: row for row in stored(story, "evidence") if row["slice"] == name and row["candidate_good"]}
    assert len(mine) >= 5
    processes = EProcesses(1.0, 3.0, 3.0)
    processes.grow(1)
    counts, only = strata(name), np.array([0])
    # A part of alpha is kept for cut-overs, and of all traffic's for the comparison without slices.
    alpha = ALPHA * (1 - CUTOVER) * (1 - ALPHA_SHARE if name == "*" else 1)
    for pane in range(began, story.next):
        processes.step(pane, np.zeros(len(counts), np.int64), counts)
        row = mine.pop((pane + 1) * PANE_MS, None)
        if row is None:
            continue
        n_c, x_c, n_b, x_b = processes.counts[0].tolist()
        found = [row[each] for each in ("candidate_good", "candidate_bad", "baseline_good", "baseline_bad")]
        assert found == [n_c - x_c, x_c, n_b - x_b, x_b]
        assert row["log_e"] == processes.log_e()[0]
        assert row["log_e_peak"] == processes.log_e_peak[0]
        lower, upper = points(processes, only, alpha)
        assert (row["lower"], row["upper"]) == (lower[0], upper[0])
        assert row["odds_lower"] == processes.bounds(alpha, only)[0][0]
        for column, function in (("detectable", detectable), ("decides_in", decides_in)):
            value = function(processes, only, alpha)[0]
            assert row[column] == value or (math.isnan(row[column]) and math.isinf(value))
    assert not mine, "rows of panes in which nothing was counted"


def test_the_rows_of_a_decision_are_complete_and_say_what_the_control_event_says() -> None:
    story = Story(TWO_REGIONS.replace('slice_action = "hold"', 'slice_action = "rollback"')).settled()
    event = story.until("rollback", HARM)
    rows = {(row["slice"], row["sli"]): row for row in stored(story, "evidence") if row["at"] == event.ts}
    assert rows.keys() == {("*", "ok"), ("region=eu", "ok"), ("region=us", "ok")}
    assert event.slices
    for affected in event.slices:
        _equals(rows[affected.slice, "ok"], affected.evidence)
        assert rows[affected.slice, "ok"]["verdict"] == affected.verdict
    _equals(rows[event.slices[0].slice, "ok"], event.evidence)


def _equals(row: Row, evidence: Any) -> None:
    arms = evidence.candidate.good, evidence.candidate.bad, evidence.baseline.good, evidence.baseline.bad
    assert (row["candidate_good"], row["candidate_bad"], row["baseline_good"], row["baseline_bad"]) == arms
    told = [evidence.value, evidence.lower, evidence.upper, evidence.odds_ratio, evidence.odds_lower, evidence.log_e]
    names = ("value", "lower", "upper", "odds_ratio", "odds_lower", "log_e_peak")
    assert [row[name] for name in names] == told
    for name in ("detectable", "decides_in", "odds_upper"):
        told_one = getattr(evidence, name)
        assert row[name] == told_one or (told_one is None and math.isnan(row[name]))
    assert row["since"] == evidence.since
    assert row["baseline"] == evidence.baseline.version


def test_every_slice_and_sli_that_served_has_a_row_within_a_minute() -> None:
    """Also a slice that one version serves alone, of which nothing can be compared."""
    story = Story(TWO_REGIONS.replace('slis = ["ok"]', 'slis = ["ok", "quality"]')).settled()
    story.rows.clear()
    for _ in range(6):
        story.pane(HARM)
    found = {(row["slice"], row["sli"]) for row in stored(story, "evidence")}
    assert found == {(name, sli) for name in ("*", "region=eu", "region=us", "region=ap") for sli in ("ok", "quality")}
    assert all(row["log_e"] == 0 for row in stored(story, "evidence") if row["sli"] == "quality")


def test_a_slice_is_stored_when_it_has_moved_and_all_traffic_always() -> None:
    story, _ = played(100)
    panes: dict[str, list[int]] = {}
    for row in stored(story, "evidence"):
        panes.setdefault(row["slice"], []).append(row["at"])
    every = panes["*"]
    assert every[1:] == list(range(every[1], every[-1] + 1, PANE_MS))  # The first is of before anything was compared.
    assert len(every) > 20
    assert len(panes["region=us"]) < len(every) / 2
    assert len(panes["region=ap"]) == 1


def test_what_was_stored_last_outlives_a_restart() -> None:
    story, again = played(20)[0], played(20)[0]
    again.restart()
    story.rows.clear()
    again.rows.clear()
    for _ in range(20):
        story.pane(HARM)
        again.pane(HARM)
    assert tables_of(story.rows) == tables_of(again.rows)
    assert stored(story, "evidence")


def test_a_release_has_a_row_for_each_way_it_stood() -> None:
    story = Story().settled()
    story.pane({"v1": WELL, "v2": (20, 0)}, said=[release(share=0.1, metadata={"candidate": {"prompt": "p2"}})])
    event = story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    rows = stored(story, "release")
    assert [row["phase"] for row in rows] == ["rolling_out", "rolled_back", "recovered"]
    assert {(row["model"], row["version"], row["baseline"]) for row in rows} == {("m", "v2", "v1")}
    assert rows[1]["at"] == event.ts
    assert (rows[0]["traffic_share"], rows[0]["metadata"]) == (0.1, '{"candidate":{"prompt":"p2"}}')
    assert story.play(OLD, panes=500) == []  # Longer than it is known; a version that was withdrawn stays so.
    assert [row["phase"] for row in stored(story, "release")][-1] == "recovered"


def test_commands_are_stored_with_what_became_of_them() -> None:
    story = Story().settled()
    story.pane(OLD, said=[kill("v2"), silence(story.now + 60_000, model=None)])
    story.pane(OLD, said=[pin("v2"), release("v3", "v2"), unsilence()])
    refusal = Refusal(source="cmd/0", position=7, item=0, reason="unsigned", detail="no signature", model="m")
    story.pane(OLD, said=[refusal])
    rows = {row["type"]: row for row in stored(story, "command")}
    assert {name: row["accepted"] for name, row in rows.items()} == {
        "kill": 1, "silence": 1, "pin": 0, "release": 0, "unsilence": 0, "": 0,
    }  # fmt: skip
    assert (rows["kill"]["by"], rows["kill"]["id"], rows["kill"]["fields"]) == ("ann", "c6", '{"version":"v2"}')
    assert rows["kill"]["obeyed"] == (story.next - 2) * PANE_MS
    assert (rows["silence"]["model"], rows["silence"]["obeyed"]) == ("", None)
    assert "cannot be pinned" in rows["pin"]["reason"]
    assert rows[""]["reason"] == "unsigned: no signature"
    assert rows[""]["id"] == "cmd/0/7/0"


def test_the_policy_is_stored_once_and_again_when_it_is_another() -> None:
    story = Story().settled()
    story.restart()
    story.pane(OLD)
    assert [(row["hash"], row["toml"]) for row in stored(story, "policy")] == [(story.policy.hash, story.policy.text)]
    before = story.policy.hash
    story.restart(CANARY.replace("margin = 3.0", "margin = 2.0"))
    story.pane(OLD)
    assert [row["hash"] for row in stored(story, "policy")] == [before, story.policy.hash]
    assert "margin = 2.0" in stored(story, "policy")[-1]["toml"]
