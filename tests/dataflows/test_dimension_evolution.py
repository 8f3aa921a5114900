"""A worker goes on under a policy with one slice dimension more, and other windows: what stayed is as undisturbed."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from operators.policy_file.toml import parse
from tests.dataflows.making import START_MS
from tests.dataflows.running import Table, exact
from tests.dataflows.test_policy_evolution import (
    AFTER,
    BEFORE,
    CANARY,
    RULE,
    STAYED,
    going_on,
    logs,
    stayed,
    undisturbed,
)
from tests.oracle import Log
from tests.policies import sli

ALONE = BEFORE.replace(CANARY, "")
SLICED = '["region", "segment", "unused"]'
# With a dimension more, and one SLI, measure, rule and window more and less as well.
MORE = AFTER.replace(CANARY, "").replace('["30s"]', '["1m"]').replace(', { size = "2m", every = "1m" }', "").replace(
    '["region", "segment"]\n', SLICED + "\n", 1
) + RULE.format(name="by", sli="fast").replace('"segment"', '"unused"')
PANES = ("sli_pane", "measure_pane", "outcome_pane")


def of_old_slices(tables: Table) -> Table:
    """Rows but those of panes, which are at the finest slices, and those of slices that are new."""
    kept = {name: [row for row in rows if "unused" not in row.get("dims", {})] for name, rows in tables.items()}
    return {name: [row for row in rows if row.get("rule") != "by"] for name, rows in kept.items() if name not in PANES}


def summed(tables: Table, name: str, new: str = "unused") -> Counter[tuple[Any, ...]]:
    """What SQL adds up of an SLI by slices that always were and panes."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in tables["sli_pane"]:
        if row["sli"] == name:
            dims = {each: value for each, value in row["dims"].items() if each != new}
            key = (row["model"], row["version"], str(sorted(dims.items())), row["pane_start"], row["late"])
            found[(*key, "good")] += row["good"]
            found[(*key, "bad")] += row["bad"]
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    """All rows, and those of three starts: the second is under a policy with a dimension more, and so is the third."""
    store = tmp_path_factory.mktemp("store")
    every, each = going_on(store, [parse(ALONE), parse(MORE), parse(MORE)], logs(), 6)
    return [every, *each]


def test_with_a_dimension_more_what_stayed_is_as_in_an_undisturbed_run(runs: list[Table]) -> None:
    every, wanted = runs[0], undisturbed(ALONE)
    found, due = (of_window(of_old_slices(tables), "sliding") for tables in (every, wanted))
    assert stayed(found) == stayed(due)
    assert len(stayed(of_old_slices(runs[2]))) > 30
    # Panes of both policies add up to the same, whatever they are sliced by: nothing is lost or counted twice.
    for name in ("availability", "fast", "quality"):
        assert summed(every, name) == summed(wanted, name)
    assert not [row for rows in every.values() for row in rows if "unsliced" in str(row)]


def test_a_new_dimension_begins_with_a_pane_and_windows_say_how_much_of_them_has_it(runs: list[Table]) -> None:
    """Another start later too: what had begun was forgotten with it, and windows claimed to be whole."""
    every, alone = runs[0], undisturbed(MORE)
    assert not [row for row in runs[1]["sli_pane"] if "unused" in row["dims"]]
    on_time = [row for row in every["sli_pane"] if not row["late"]]
    begins = {
        model: min(row["pane_start"] for row in on_time if row["model"] == model and "unused" in row["dims"])
        for model in ("m0", "m1")
    }
    for row in on_time:
        assert ("unused" in row["dims"]) == (row["pane_start"] >= begins[row["model"]]) or row["sli"] == "kept"
    windows = [row for row in every["sli_window"] if "unused" in row["dims"] and row["sli"] == "fast"]
    for row in windows:
        whole = row["window_end"] - begins[row["model"]]
        assert row["coverage"] == pytest.approx(min(1.0, whole / row["size_ms"]))
    assert {row["coverage"] < 1 for row in runs[2]["sli_window"] if "unused" in row["dims"]} >= {True}
    assert {row["coverage"] < 1 for row in runs[3]["sli_window"]} == {True, False}
    # What is wholly of the new policy is what it says alone.
    full = [row for row in windows if row["coverage"] == 1]
    same = [row for row in alone["sli_window"] if "unused" in row["dims"] and row["sli"] == "fast"]
    assert full
    assert {*without_policy(full)} <= {*without_policy(same)}
    assert {row["rule"] for row in every["verdict"]} >= {"by", "slo"}


def test_a_new_window_is_whole_from_the_start_as_panes_were_held_for_a_longer_one(runs: list[Table]) -> None:
    every, wanted = (of_window(of_old_slices(tables), "tumbling") for tables in (runs[0], undisturbed(MORE)))
    after = [*runs[2]["sli_window"], *runs[3]["sli_window"]]
    assert {(row["kind"], row["size_ms"]) for row in after} == {("sliding", 60_000), ("tumbling", 60_000)}
    # Cohorts of requests from before a dimension are heard of by the slices of then.
    of_both = [name for name in STAYED if name != "kept"]
    ends = [(row["model"], row["window_end"]) for row in every["sli_window"] if row["sli"] in of_both]
    first = {name: min(end for model, end in ends if model == name) for name in ("m0", "m1")}
    rows = [
        [row for row in tables["sli_window"] if row["sli"] in of_both and row["window_end"] >= first[row["model"]]]
        for tables in (every, wanted)
    ]
    assert len(rows[0]) > 20
    assert without_policy(rows[0]) == without_policy(rows[1])


def without_region(text: str) -> str:
    """A policy with one slice dimension less."""
    return text.replace('["region", "segment"]\ncrosses = [["segment", "region"]]', '["segment"]')


def test_without_a_dimension_what_is_of_others_is_as_in_an_undisturbed_run(tmp_path: Path) -> None:
    """The first one: all that is known by the number of the other has another number then."""
    of_pro = sli("pro", "no_error", slices=["segment=pro"])
    both = ALONE + of_pro + RULE.format(name="gone", sli="fast").replace('"segment"', '"region"')
    one = without_region(ALONE + of_pro)
    every, (_, second, third) = going_on(tmp_path, [parse(both), parse(one), parse(one)], logs(), 6)
    wanted = undisturbed(both)
    found, due = (of_segments(tables) for tables in (every, wanted))
    assert len(stayed(due)) > 300
    assert stayed(found) == stayed(due)
    assert {row["rule"] for row in third["verdict"]} >= {"slo", "later"}
    assert {row["sli"] for row in third["sli_window"]} >= {"pro"}
    assert not [row for rows in (*second.values(), *third.values()) for row in rows if "region" in row.get("dims", {})]
    for name in ("availability", "fast", "quality"):
        assert summed(every, name, "region") == summed(wanted, name, "region")
    # Measures too, and what is late.
    assert values_of(every) == values_of(wanted)
    assert {row["late"] for row in second["sli_pane"]} == {0, 1}


def of_segments(tables: Table) -> Table:
    """Rows of windows and verdicts of all traffic and of segments, but for cohorts, which count by finest slices."""
    kept = {name: [row for row in rows if "region" not in row.get("dims", {})] for name, rows in tables.items()}
    return {
        name: [row for row in rows if row.get("sli") != "kept" and row.get("rule") not in ("later", "gone")]
        for name, rows in kept.items()
        if name not in PANES
    }


def values_of(tables: Table) -> Counter[tuple[Any, ...]]:
    """How many values of each measure there are in each pane, and what they come to."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in tables["measure_pane"]:
        key = (row["model"], row["version"], row["dims"].get("segment"), row["pane_start"], row["late"], row["measure"])
        found[(*key, "n")] += row["n"]
        found[(*key, "buckets")] += sum(row["counts"])
    return found


def of_window(tables: Table, kind: str) -> Table:
    """All rows, of windows those of a minute of this kind."""
    return {
        name: [row for row in rows if row["size_ms"] == 60_000 and row["kind"] == kind]
        if name in ("sli_window", "measure_window")
        else rows
        for name, rows in tables.items()
    }


def without_policy(rows: list[dict[str, Any]]) -> list[str]:
    return exact({"sli_window": [{key: each for key, each in row.items() if key != "policy"} for row in rows]})


def test_the_order_of_dimensions_means_nothing(tmp_path: Path) -> None:
    """Slices keep their names, whatever the order in the file: rules, canaries and alerts go on with all they know."""
    both = BEFORE + RULE.format(name="crossed", sli="fast").replace('"segment"', '"region,segment"')
    other = both.replace('["region", "segment"]\n', '["segment", "region"]\n', 1)
    assert parse(other).dimensions == ("segment", "region")
    every, (_, second, third) = going_on(tmp_path, [parse(both), parse(other), parse(both)], logs(), 4)
    wanted = undisturbed(both)
    assert {*without_policies(every)} == {*without_policies(wanted)}
    assert len(stayed(second)) > 100
    assert [row for row in third["verdict"] if row["rule"] == "crossed"]


def test_dimensions_that_stay_keep_their_order_beside_new_ones(tmp_path: Path) -> None:
    crossed = '["region", "segment"]\ncrosses = [["segment", "region"]]\n'
    moved = '["segment", "unused", "region"]\ncrosses = [["segment", "region"]]\n'
    other = ALONE.replace(crossed, moved)
    every, (_, second, _) = going_on(tmp_path, [parse(ALONE), parse(other), parse(ALONE)], logs(), 6)
    wanted = undisturbed(ALONE)
    assert stayed(of_old_slices(every)) == stayed(of_old_slices(wanted))
    assert {",".join(row["dims"]) for row in second["sli_pane"]} >= {"region,unused,segment", "region,segment"}
    for name in ("availability", "fast", "quality"):
        assert summed(every, name) == summed(wanted, name)


def without_policies(tables: Table) -> list[str]:
    """All rows, whatever policy they name."""
    kept = {name: rows for name, rows in tables.items() if name != "policy"}
    return exact(
        {
            name: [{key: each for key, each in row.items() if key != "policy"} for row in rows]
            for name, rows in kept.items()
        }
    )


def test_a_release_that_is_compared_by_labels_goes_on_with_a_dimension_more(tmp_path: Path) -> None:
    """Labels of the pane in which the dimension was not there yet have no value of it: the worker stopped at them."""
    more = BEFORE.replace('["region", "segment"]\n', SLICED + "\n", 1)
    told = [
        {"type": "release", "id": name, "ts": START_MS, "model": name, "candidate": "v2", "baseline": "v1"}
        for name in ("m0", "m1")
    ]
    some = [*logs(), Log("commands", "commands", [json.dumps(each).encode() for each in told])]
    every, _ = going_on(tmp_path, [parse(each) for each in (BEFORE, more, more)], some, 8)
    assert {row["rule"] for row in every["evidence"]} == {"canary"}
