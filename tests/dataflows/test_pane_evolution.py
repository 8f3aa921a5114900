"""A worker goes on under a policy with panes of another length: each event is in one row, and no count is forgotten."""

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.layouts import gone_on
from flows.recovery.parts import parts_of
from operators.policy_file.teams import parse_teams
from operators.policy_file.toml import parse
from tests.dataflows.making import START_MS, STARTED_MS, log
from tests.dataflows.running import Table, run_flow
from tests.dataflows.test_policy_evolution import RULE, going_on
from tests.dataflows.test_recovery import run_until_crash
from tests.oracle import Log
from tests.policies import base, sli, table

MINUTE = 60_000
REST = (
    sli("availability", "no_error")
    + sli("fast", "at_most", field="latency_ms", limit=150.5)
    + sli("quality", "at_least", field="feedback.judge", limit=4)
    + table("dedup", horizon="0s")
    + table("dead_letters", share_max=1.0)
    + RULE.format(name="slo", sli="fast")
)


def logs() -> list[Log]:
    """Twelve minutes."""
    random = Random(5)
    streams = {"events/0": "events", "events/1": "events", "feedback": "feedback"}
    return [log(name, random, 240, stream=of, spacing_ms=3_000, models=2) for name, of in streams.items()]


def policy(pane: str, stored: str | None = None) -> str:
    text = base(
        "region",
        "segment",
        pane=pane,
        late_horizon="10m",
        future_tolerance="1m",
        tumbling=["1m"],
        sliding=[("2m", "1m")],
        measures=["latency_ms", "feedback.judge"],
    )
    return text.replace("[slices]", f'stored = "{stored}"\n[slices]' if stored else "[slices]") + REST


@cache
def undisturbed(pane: str) -> Table:
    return run_flow(parse(policy(pane)), logs(), STARTED_MS, sizes=lambda: 20).tables


def by_minute(tables: Table) -> Counter[tuple[Any, ...]]:
    """What SQL adds up of rows of panes of all lengths, late or not, by minutes and slices."""
    found: Counter[tuple[Any, ...]] = Counter()
    counts = {"sli_pane": ("good", "bad", "neither"), "outcome_pane": ("n",), "measure_pane": ("n", "sum")}
    for name, columns in counts.items():
        for row in {str(sorted(row.items())): row for row in tables[name]}.values():
            of = row.get("sli") or row.get("measure") or row.get("error_type")
            key = (name, of, row["model"], row["version"], row["slice"], row["pane_start"] // MINUTE)
            for column in columns:
                found[*key, column] += row[column]
    return +found


def windows(tables: Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = ("model", "version", "slice", "sli", "kind", "size_ms", "window_end")
    return {tuple(row[key] for key in keys): row for row in tables["sli_window"]}


LENGTHS = [("10s", "1m", "10s"), ("1m", "10s", "30s"), ("20s", "30s", "20s")]


@pytest.mark.parametrize("stored", [None, "1m"])
@pytest.mark.parametrize("panes", LENGTHS, ids="-".join)
def test_each_event_is_counted_once_whatever_the_length_of_its_pane(
    panes: tuple[str, ...], stored: str | None, tmp_path: Path
) -> None:
    policies = [parse(policy(pane, stored)) for pane in panes]
    every, each = going_on(tmp_path, policies, logs(), 6)
    assert by_minute(every) == by_minute(undisturbed("10s"))
    assert all(tables["sli_pane"] for tables in each)
    if stored is None:
        assert len({row["pane_ms"] for row in every["sli_pane"]}) == len({*panes})


def test_starts_one_after_the_other_leave_nothing_twice(tmp_path: Path) -> None:
    policies = [parse(policy(pane, "1m")) for pane in ("10s", "1m", "1m", "10s", "10s", "30s", "30s")]
    every, _ = going_on(tmp_path, policies, logs(), 2)
    assert by_minute(every) == by_minute(undisturbed("10s"))


@pytest.mark.parametrize("panes", [("10s", "1m"), ("1m", "10s")], ids="-".join)
def test_windows_begin_with_the_first_whole_pane_and_say_so(panes: tuple[str, ...], tmp_path: Path) -> None:
    every, (_, second) = going_on(tmp_path, [parse(policy(pane)) for pane in panes], logs(), 6)
    wanted, found = windows(undisturbed("10s")), windows(every)
    whole = {key: row for key, row in found.items() if row["coverage"] == 1}
    thin = {key: row for key, row in found.items() if row["coverage"] < 1}
    assert len(whole) > 200
    for key, row in whole.items():
        assert (row["good"], row["bad"]) == (wanted[key]["good"], wanted[key]["bad"])
    # Of two minutes, of which the first is not there: sliding windows alone can be so.
    assert {(row["size_ms"], row["coverage"]) for row in thin.values()} == {(2 * MINUTE, 0.5)}
    assert all(row["good"] + row["bad"] <= wanted[key]["good"] + wanted[key]["bad"] for key, row in thin.items())
    ends = sorted({row["window_end"] for row in second["sli_window"]})
    # Nothing is said of the minutes that were open when the worker stopped, and of all others.
    missing = {key[-1] for key in wanted} - {row["window_end"] for row in found.values()}
    assert 0 < len(missing) < 4
    assert all(end < ends[0] for end in missing)
    assert second["verdict"]


def test_of_several_files_too(tmp_path: Path) -> None:
    def teams(pane: str, disorder: str) -> dict[str, str]:
        time = policy(pane).split("[slices]")[0].replace('disorder = "5s"', f'disorder = "{disorder}"')
        rest = policy(pane).replace(policy(pane).split("[slices]")[0], "")
        return {"a": 'models = ["m0"]\n' + time + rest, "default": time + rest}

    policies = [parse_teams(teams(*each)) for each in (("10s", "5s"), ("1m", "5s"), ("1m", "6s"), ("10s", "5s"))]
    every, _ = going_on(tmp_path, policies, logs(), 5)
    assert by_minute(every) == by_minute(undisturbed("10s"))


@pytest.mark.parametrize("seed", range(40) if os.environ.get("ROLLGUARD_PROVE") == "1" else range(1))
def test_any_lengths_one_after_the_other_count_each_event_once(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    panes = random.choices(["1s", "10s", "12s", "20s", "30s", "1m", "5m"], k=6)
    policies = [parse(windows_of(pane, random.choice([None, "5m"]))) for pane in panes]
    every, _ = going_on(tmp_path, policies, logs(), random.randint(1, 5))
    assert in_all(every) == in_all(undisturbed("10s"))


def test_what_comes_before_the_first_whole_pane_is_stored_when_the_logs_end(tmp_path: Path) -> None:
    """The first whole pane of five minutes begins after all that these logs hold."""
    some = [Log(each.name, each.stream, each.messages[:30]) for each in logs()]
    wanted = run_flow(parse(policy("10s")), some, STARTED_MS, sizes=lambda: 20).tables
    policies = [parse(windows_of(pane)) for pane in ("10s", "5m")]
    every, (_, second) = going_on(tmp_path, policies, some, 3)
    assert {(row["late"], row["pane_ms"]) for row in second["sli_pane"]} >= {(1, 5 * MINUTE)}
    assert in_all(every) == in_all(wanted)


def test_nothing_is_said_ahead_of_time_when_panes_get_longer(tmp_path: Path) -> None:
    """A deadline within the panes that are left out is not over before time has come there."""
    release = table("release", settle="10s", deadline="2m", cooldown="1m")
    at = START_MS + 30_000
    kill = {"type": "kill", "id": "1", "ts": at, "model": "m0", "version": "v1"}
    some = [*logs(), Log("commands", "commands", [json.dumps(kill).encode()])]
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    said = []
    for text, reads in ((windows_of("10s") + release, 8), (windows_of("5m") + release, 8)):
        rules = gone_on(tmp_path, parts_of(tmp_path), parse(text))
        said.append(run_until_crash(rules, some, tmp_path, reads, 10).control)
    types = [{event.type for event in events} for events in said]
    assert "kill" in types[0]
    assert "rollback_ineffective" not in types[0] | types[1]


def windows_of(pane: str, stored: str | None = None) -> str:
    """Windows that panes of five minutes add up to."""
    text = policy(pane, stored).replace('tumbling = ["1m"]', 'tumbling = ["5m"]').replace('size = "2m"', 'size = "10m"')
    text = text.replace('every = "1m"', 'every = "5m"')
    return text.replace('window = "1m"', 'window = "5m"')


def in_all(tables: Table) -> Counter[tuple[Any, ...]]:
    """What SQL adds up over all time."""
    found: Counter[tuple[Any, ...]] = Counter()
    for key, n in by_minute(tables).items():
        found[*key[:5], *key[6:]] += n
    return found
