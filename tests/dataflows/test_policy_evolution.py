"""A worker goes on under another policy: what stayed has the rows of an undisturbed run, and nothing counts twice."""

import json
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import init_db_dir

from flows.recovery.layouts import NAME, gone_on
from flows.recovery.parts import parts_of
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.policy_file.teams import parse_teams
from operators.policy_file.toml import parse
from operators.recovery import StateMismatch
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import Table, exact, run_flow, tables_of
from tests.dataflows.test_recovery import run_until_crash
from tests.oracle import Log
from tests.policies import sli

RULE = """
[[rule]]
name = "{name}"
kind = "threshold"
sli = "{sli}"
target = 0.9
window = "1m"
confidence = 0.5
slices = ["*", "segment"]
"""
CANARY = '[[rule]]\nname = "canary"\nkind = "canary"\nslis = ["availability", "quality"]\nslices = ["*"]\n'
MONITOR = '[[monitor]]\nname = "steady"\nkind = "adwin"\non = ["sli.fast", "latency_ms"]\n'
# An SLI that waits for what it counts, which is kept by the pane of its request meanwhile.
LATER = sli("kept", "feedback_absent", kind="thumbs", within="30s")
BEFORE = (
    POLICY
    + LATER
    + RULE.format(name="later", sli="kept")
    + RULE.format(name="slo", sli="fast")
    + RULE.format(name="old", sli="polite")
    + CANARY
    + MONITOR
)
# One SLI, measure and rule more, in the midst of the others; and one of each less.
AFTER = (
    POLICY.replace('"ttft_ms", "cost_usd", ', '"metrics.other", "cost_usd", ')
    .replace("[sli.polite]", "[sli.warmer]")
    .replace(
        'good = "flag_absent"\nflags = ["toxic", "refused"]\n',
        'good = "at_least"\nfield = "metrics.gpu-util"\nlimit = 5\n',
    )
    + LATER
    + RULE.format(name="later", sli="kept")
    + RULE.format(name="slo", sli="fast")
    + RULE.format(name="new", sli="warmer")
    + CANARY
    + MONITOR
)
STAYED = ("availability", "fast", "warm", "correct", "quality", "kept")
MEASURES = ("latency_ms", "cost_usd", "input_tokens", "score", "metrics.gpu-util", "feedback.judge")
TABLES = ("sli_pane", "measure_pane", "outcome_pane", "sli_window", "measure_window", "verdict", "evidence", "drift")


def logs() -> list[Log]:
    random = Random(5)
    return [
        log("events/0", random, 200, spacing_ms=700, models=2),
        log("events/1", random, 200, spacing_ms=700, models=2),
        log("feedback", random, 200, stream="feedback", spacing_ms=700, models=2),
    ]


@cache
def undisturbed(text: str) -> Table:
    """What one run under a policy writes."""
    return run_flow(parse(text), logs(), STARTED_MS, sizes=lambda: 20).tables


def stayed(tables: Table) -> list[str]:
    """The rows that both policies have, whatever policy they name."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        for row in tables.get(table, ()):
            both = row.get("sli", "") in ("", *STAYED) and row.get("measure", "") in ("", *MEASURES)
            if both and row.get("rule") not in ("old", "new"):
                kept.setdefault(table, []).append({key: each for key, each in row.items() if key != "policy"})
    return sorted(set(exact(kept)))


def counts(tables: Table, name: str) -> dict[tuple[Any, ...], tuple[int, int]]:
    rows = [row for row in tables["sli_pane"] if row["sli"] == name]
    key = ("model", "version", "slice", "pane_start", "late", "arrival")
    return {tuple(row[each] for each in key): (row["good"], row["bad"]) for row in rows}


def going_on(store: Path, policies: list[Policy], some: list[Log], reads: int) -> tuple[Table, list[Table]]:
    """Run each policy in turn for so many reads, the last one to the end; return all rows, and those of each."""
    init_db_dir(store, 1)  # type: ignore[no-untyped-call]
    last = len(policies) - 1
    runs = [
        run_until_crash(gone_on(store, parts_of(store), each), some, store, 10_000 if at == last else reads, 20)
        for at, each in enumerate(policies)
    ]
    assert [run.ended for run in runs] == [at == last for at in range(len(policies))]
    return tables_of(rows for run in runs for rows in run.rows), [tables_of(run.rows) for run in runs]


def refused(store: Path, policy: Policy, some: list[Log]) -> str:
    """Why a worker does not go on from a store."""
    with pytest.raises((StateMismatch, BytewaxRuntimeError, PolicyError)) as caught:
        run_until_crash(gone_on(store, parts_of(store), policy), some, store, 8, 20)
    return f"{caught.value} {caught.value.__cause__}"


def test_what_stayed_has_the_rows_of_an_undisturbed_run(tmp_path: Path) -> None:
    some, before, after = logs(), parse(BEFORE), parse(AFTER)
    wanted = undisturbed(BEFORE)
    every, (first, second) = going_on(tmp_path, [before, after], some, 6)
    assert stayed(every) == stayed(wanted)
    assert len(stayed(second)) > 100
    # What is new begins with one pane of each shard, and has all from there on, as under that policy alone.
    assert not [row for some in second.values() for row in some if str(row.get("sli", "")).startswith("column ")]
    assert not [row for some in second.values() for row in some if str(row.get("measure", "")).startswith("column ")]
    alone, found = counts(undisturbed(AFTER), "warmer"), counts(every, "warmer")
    begins = {model: min(key[3] for key in found if key[0] == model) for model in ("m0", "m1")}
    assert found == {key: each for key, each in alone.items() if key[3] >= begins[key[0]]}
    assert 0 < len(found) < len(alone)
    assert max(begins.values()) - min(begins.values()) < 120_000
    # What was left out has its rows from before, and none that are wrong.
    left, whole = counts(every, "polite"), counts(wanted, "polite")
    assert left == {key: whole[key] for key in left}
    assert left == counts(first, "polite")
    assert {row["measure"] for row in second["measure_pane"]} >= {"metrics.other"}
    assert "ttft_ms" not in {row["measure"] for row in second["measure_pane"]}
    assert {row["rule"] for row in second["verdict"]} >= {"new", "slo"}
    windows = [row for row in second["sli_window"] if row["sli"] == "warmer"]
    assert {row["coverage"] < 1 for row in windows} == {True, False}
    for row in windows:
        whole = row["window_end"] - begins[row["model"]]
        assert row["coverage"] == pytest.approx(min(1.0, whole / row["size_ms"]))
    assert {row["coverage"] for row in every["sli_window"] if row["sli"] in STAYED} == {1.0}


def test_a_policy_may_change_again_and_again(tmp_path: Path) -> None:
    """Back to the old one: what comes back begins anew, and what always stayed still has the rows of one run."""
    some, before, after = logs(), parse(BEFORE), parse(AFTER)
    every, _ = going_on(tmp_path, [before, after, before, after, before], some, 3)
    assert stayed(every) == stayed(undisturbed(BEFORE))
    again = gone_on(tmp_path, parts_of(tmp_path), before)
    assert len([each for each in again.slis if each.name.startswith("column ")]) == 4
    assert [each.name for each in again.slis if not each.name.startswith("column ")] == [
        *STAYED[:3],
        *STAYED[3:],
        "polite",
    ]


def test_an_sli_that_means_something_else_is_another(tmp_path: Path) -> None:
    some, before = logs(), parse(BEFORE)
    stricter = BEFORE.replace("limit = 150.5", "limit = 20")
    after = parse(stricter)
    _, (first, second) = going_on(tmp_path, [before, after], some, 6)
    old, new = (counts(undisturbed(each), "fast") for each in (BEFORE, stricter))
    found = {**counts(first, "fast"), **counts(second, "fast")}
    assert all(each in (old[key], new[key]) for key, each in found.items())
    late = max(key[3] for key in found)
    assert {key: each for key, each in found.items() if key[3] == late} == {
        k: v for k, v in new.items() if k[3] == late
    }


def test_a_store_written_before_there_were_layouts_goes_on_under_its_policy_alone(tmp_path: Path) -> None:
    once = "\n[worker]\nshards = 64\n"  # There was no other number.
    some, before, after = logs(), parse(BEFORE + once), parse(AFTER + once)
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    run_until_crash(before, some, tmp_path, 8, 20)
    assert "nor such as can go on from it" in refused(tmp_path, after, some)
    assert not (tmp_path / NAME).exists()
    run_until_crash(gone_on(tmp_path, parts_of(tmp_path), before), some, tmp_path, 8, 20)
    assert run_until_crash(gone_on(tmp_path, parts_of(tmp_path), after), some, tmp_path, 10_000, 20).ended


def test_models_stay_in_the_shards_of_the_folder(tmp_path: Path) -> None:
    """A new folder takes the number of the policy; one that does not say how many is of a time when there were 64."""
    eight = parse(f"{BEFORE}\n[worker]\nshards = 8\n")
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    run_until_crash(gone_on(tmp_path, parts_of(tmp_path), eight), logs(), tmp_path, 8, 20)
    assert gone_on(tmp_path, parts_of(tmp_path), parse(AFTER)).shards == 8
    known = (tmp_path / NAME).read_bytes()
    with pytest.raises(PolicyError, match="must be 8, as in the recovery folder"):
        gone_on(tmp_path, parts_of(tmp_path), parse(f"{AFTER}\n[worker]\nshards = 4\n"))
    assert (tmp_path / NAME).read_bytes() == known
    written = json.loads((tmp_path / NAME).read_text())
    for layout in written.values():
        del layout["shards"]
    (tmp_path / NAME).write_text(json.dumps(written))
    assert gone_on(tmp_path, parts_of(tmp_path), parse(AFTER)).shards == 64
    teams = parse_teams({"a": 'models = ["m0"]\n' + BEFORE, "b": 'models = ["m1"]\n[worker]\nshards = 5\n' + LATER})
    assert {each.shards for each in teams.each} == {5}


def test_models_of_a_file_stay_in_its_shards_of_the_folder(tmp_path: Path) -> None:
    """Their state is there. Files that come later take the number of then; of before there was one all is in all."""
    files = {f"f{file}": f'models = ["f{file}-*"]\n{BEFORE}' for file in range(4)}
    three, four = parse_teams({name: files[name] for name in ("f0", "f1", "f2")}), parse_teams(files)
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]

    def spreads(policy: Policy) -> list[int]:
        return [each.spread for each in gone_on(tmp_path, parts_of(tmp_path), policy).teams]

    assert spreads(three) == [5, 5, 5]
    assert spreads(four) == [5, 5, 5, 4]
    assert spreads(four) == [5, 5, 5, 4]
    known = json.loads((tmp_path / NAME).read_text())
    asked = parse_teams(files | {"f0": files["f0"] + "\n[worker]\nspread = 2\n"})
    with pytest.raises(PolicyError, match=r"must be 5 for f0\.toml, as in the recovery folder"):
        spreads(asked)
    for layout in known.values():
        del layout["spread"]
    (tmp_path / NAME).write_text(json.dumps(known))
    assert spreads(four) == [16, 16, 16, 16]


def test_the_order_of_tables_in_the_file_means_nothing(tmp_path: Path) -> None:
    """Two SLIs that change places were counted as each other after a restart."""
    moved = POLICY.replace(sli("polite", "flag_absent", flags=["toxic", "refused"]), "")
    moved = moved.replace("[sli.fast]", sli("polite", "flag_absent", flags=["toxic", "refused"]) + "[sli.fast]")
    assert parse(moved).shape == parse(POLICY).shape
    every, _ = going_on(tmp_path, [parse(POLICY), parse(moved)], logs(), 6)
    wanted = undisturbed(POLICY)
    assert sorted(set(exact({"sli_pane": every["sli_pane"]}))) == sorted(set(exact({"sli_pane": wanted["sli_pane"]})))


def test_each_of_several_files_goes_on_by_itself(tmp_path: Path) -> None:
    some, workers = logs(), POLICY[: POLICY.index("[slices]")] + POLICY[POLICY.index("[dedup]") :]
    files = {"a": 'models = ["m0"]\n' + BEFORE, "default": sli("ok", "no_error")}
    other = {**files, "a": 'models = ["m0"]\n' + AFTER, "b": 'models = ["x"]\n' + workers}
    before, after = parse_teams(files), parse_teams(other)
    every, (_, second) = going_on(tmp_path, [before, after], some, 6)
    wanted = run_flow(before, some, STARTED_MS, sizes=lambda: 20).tables
    for model in ("m0", "m1"):
        assert stayed(of_model(every, model)) == stayed(of_model(wanted, model))
    assert "warmer" in {row["sli"] for row in second["sli_pane"]}
    assert {row["sli"] for row in every["sli_pane"] if row["model"] == "m1"} == {"ok"}


def of_model(tables: Table, model: str) -> Table:
    return {name: [row for row in rows if row.get("model") == model] for name, rows in tables.items()}


def test_times_and_limits_may_change_and_every_event_counts_once(tmp_path: Path) -> None:
    """What is late differs with `disorder`, and who has a place with the limits, but each event is in its pane once."""
    patient = BEFORE.replace('disorder = "5s"', 'disorder = "30s"').replace("[slices]", "[slices]\nseries_max = 3")
    hasty = BEFORE.replace('disorder = "5s"', 'disorder = "1s"').replace('late_horizon = "10m"', 'late_horizon = "11m"')
    policies = [parse(each) for each in (BEFORE, patient, patient, hasty)]
    every, (_, _, second, third) = going_on(tmp_path, policies, logs(), 5)
    wanted = undisturbed(BEFORE)
    for name in ("availability", "polite", "quality"):
        assert by_pane(every, name) == by_pane(wanted, name)
    assert any("__other__" in row["dims"].values() for row in second["sli_pane"])
    assert not all("__other__" in row["dims"].values() for row in third["sli_pane"])
    late = [sum(row["good"] for row in tables["sli_pane"] if row["late"]) for tables in (every, wanted)]
    assert late[0] != late[1]


def by_pane(tables: Table, name: str) -> Counter[tuple[Any, ...]]:
    """What SQL adds up of an SLI by pane, late or not, over all slices."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in tables["sli_pane"]:
        if row["sli"] == name:
            found[row["model"], row["version"], row["pane_start"]] += row["good"] + 1_000_000 * row["bad"]
    return found
