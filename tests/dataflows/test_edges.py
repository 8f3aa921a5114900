"""Where the monitor could quietly go wrong: limits, gaps, ends, and policies that ask for nothing."""

import json
from random import Random
from typing import Any

import pytest

from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window.shards import shard_of
from tests.dataflows.agreeing import check
from tests.dataflows.making import FOLLOWS_ALL, POLICY, START_MS, STARTED_MS, log
from tests.dataflows.running import exact, run_flow, run_pure
from tests.fast_kernels import kernels, without
from tests.oracle import Log, answer
from tests.policies import base, sli

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")

HOUR_MS = 3_600_000
SAME_SHARD = ("model-0", "model-13")  # Both in one shard, so they share panes and nothing else.


def policy(**changes: str) -> str:
    """The policy of the tests with some lines replaced, by key."""
    lines = POLICY.splitlines()
    for key, value in changes.items():
        known = [line for line in lines if line.startswith(f"{key} = ")]
        if known:
            lines[lines.index(known[0])] = f"{key} = {value}"
        else:
            lines.insert(lines.index("[slices]") + 1, f"{key} = {value}")
    return "\n".join(lines)


def message(ts: int, **fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "ts": ts, "model": "m", "version": "v1"} | fields).encode()


def agree(policy_text: str, logs: list[Log], started_ms: int = STARTED_MS) -> dict[str, list[dict[str, Any]]]:
    """Run the logs in two ways, with compiled kernels and without, hold both against the oracle; return the tables."""
    ran = run_flow(parse(policy_text), logs, started_ms)
    assert ran.stop.error is None
    check(ran.tables, answer(policy_text, logs, started_ms), policy_text)
    with without():
        other = run_pure(parse(policy_text), logs, started_ms, Random(1), 3)
    assert exact(other) == exact(ran.tables)
    return ran.tables


def test_series_past_the_limits_are_counted_under_other() -> None:
    text = policy(series_max="4", versions_max="2", error_types_max="2")
    random = Random(3)
    tables = agree(text, [log("a", random, 250), log("b", random, 250, spacing_ms=200)])
    versions = {row["version"] for row in tables["sli_pane"] if row["model"] == "m0"}
    assert "__other__" in versions
    assert len(versions) == 3
    assert "region=__other__,segment=__other__" in {row["slice"] for row in tables["sli_pane"]}
    assert "__other__" in {row["error_type"] for row in tables["outcome_pane"]}


def test_a_series_silent_for_a_day_makes_room_for_another() -> None:
    """Which of them counts as silent is judged when there is no room, by the panes of the log."""
    text = policy(pane='"1h"', tumbling='["2h"]', sliding="[]", late_horizon='"3d"', versions_max="1")
    times = [0, 1, 24, 25, 26, 51, 52, 78]
    versions = ["v1", "v2", "v2", "v1", "v2", "v2", "v1", "v1"]
    messages = [
        message(START_MS + hour * HOUR_MS, version=version) for hour, version in zip(times, versions, strict=True)
    ]
    tables = agree(text, [Log("a", "events", messages)], START_MS + 100 * HOUR_MS)
    assert {row["version"] for row in tables["sli_pane"]} == {"v1", "v2", "__other__"}


def test_error_types_are_limited_for_each_model_and_success_is_always_told_apart() -> None:
    """The limit once held for all models of a shard together, and a rare success fell under `__other__`."""
    assert shard_of(SAME_SHARD[0], SHARDS) == shard_of(SAME_SHARD[1], SHARDS)
    errors = [f"e{kind}" for kind in range(4) for _ in range(4 - kind)] + [None]
    messages = [
        message(START_MS, model=model, error_type=error and f"{model}-{error}")
        for model in SAME_SHARD
        for error in errors
    ]
    tables = agree(policy(error_types_max="2"), [Log("a", "events", messages)])
    for model in SAME_SHARD:
        counts = {row["error_type"]: row["n"] for row in tables["outcome_pane"] if row["model"] == model}
        assert counts == {"": 1, f"{model}-e0": 4, f"{model}-e1": 3, "__other__": 3}


def test_names_that_are_called_other_by_the_producer_join_the_rest() -> None:
    """An error type `__other__` among those that are kept once made two rows with one key.

    So do slice values; a version of that name would never be judged, and is refused.
    """
    errors = ["__other__"] * 5 + ["a"] * 4 + ["b"] * 3 + ["c"]
    messages = [message(START_MS, error_type=error) for error in errors]
    agree(policy(error_types_max="2"), [Log("a", "events", messages)])
    other = {"region": "__other__", "segment": "__other__"}
    messages = [
        message(START_MS + index * 1_000, version=version, slices=other if index % 2 else {})
        for index, version in enumerate(["__other__", "v1", "v2", "v3"] * 6)
    ]
    tables = agree(policy(versions_max="2", series_max="2"), [Log("a", "events", messages)])
    assert {row["reason"] for row in tables["dead_letter"]} == {"reserved_name"}


@pytest.mark.parametrize("stream", ["events", "feedback"])
@pytest.mark.parametrize("name", ["*", "__other__", "__other__/s17"])
def test_reserved_names_are_refused_and_stop_nothing(name: str, stream: str) -> None:
    """A version `*` once ended the worker ("cannot reshape"), and again at every restart."""
    kind = {"kind": "judge", "value": 5} if stream == "feedback" else {}
    messages = [
        message(START_MS),
        message(START_MS + 1, version=name, **kind),
        message(START_MS + 2, model=name, **kind),
        message(START_MS + 3, version=f" {name}", slices={"region": name, "segment": name}, **kind),
    ]
    text = policy() + '\n[[rule]]\nname = "gone"\nkind = "absence"\nscope = "model"\nafter = "1m"\n'
    logs = [Log("a", "events", messages[:1]), Log("b", stream, messages[1:])]
    tables = agree(text, logs)
    assert [row["reason"] for row in tables["dead_letter"]] == ["reserved_name", "reserved_name"]
    assert {row["version"] for row in tables["sli_pane"]} == {"v1", f" {name}"}


def test_windows_slide_out_of_a_quiet_gap_and_are_silent_after() -> None:
    """Nothing is repeated and no zero is written in the five hours without events."""
    times = [START_MS, START_MS + 500, START_MS + 5 * HOUR_MS, START_MS + 5 * HOUR_MS + 11_000]
    tables = agree(POLICY, [Log("a", "events", [message(ts) for ts in times])])
    ends = sorted(
        row["window_end"] - START_MS // 10_000 * 10_000
        for row in tables["sli_window"]
        if (row["sli"], row["slice"], row["size_ms"]) == ("availability", "*", 60_000)
    )
    assert ends[:7] == [10_000, 20_000, 30_000, 40_000, 50_000, 60_000, 5 * HOUR_MS + 10_000]


def test_no_window_ends_after_the_hop_of_the_last_event() -> None:
    """Of a file that ended nothing is known after its last event, so no window slides past its hop."""
    last = START_MS + 73_000
    tables = agree(POLICY, [Log("a", "events", [message(START_MS), message(last, model="other")])])
    for row in tables["sli_window"]:
        every = {30_000: 30_000, 60_000: 10_000, 120_000: 60_000}[row["size_ms"]]
        assert row["window_end"] <= (last // every + 1) * every
    assert max(row["window_end"] for row in tables["sli_window"] if row["model"] == "m") > last - 10_000


def test_events_late_by_a_millisecond_and_at_the_horizon() -> None:
    """Exactly `disorder` behind is on time, exactly `late_horizon` behind is late and no dead letter."""
    newest = START_MS + 1_000_000
    times = [newest, newest - 5_000, newest - 5_001, newest - 600_000, newest - 600_001, newest]
    tables = agree(FOLLOWS_ALL, [Log("a", "events", [message(ts, request_id=f"r{ts}") for ts in times])])
    assert [row["reason"] for row in tables["dead_letter"]] == ["too_late"]
    late = [row for row in tables["outcome_pane"] if row["late"]]
    assert {row["arrival"] for row in late} == {newest // 10_000 * 10_000}
    assert sum(row["n"] for row in late) == 2


def test_a_refused_timestamp_makes_nobody_late() -> None:
    messages = [
        message(START_MS),
        message(STARTED_MS + 60_001),
        message(STARTED_MS + 60_000),
        message(STARTED_MS + 60_000 - 5_000),
    ]
    tables = agree(POLICY, [Log("a", "events", messages)])
    assert [row["reason"] for row in tables["dead_letter"]] == ["future_timestamp"]
    assert all(row["late"] == 0 for row in tables["sli_pane"])


def test_late_is_judged_by_the_own_partition() -> None:
    """A partition an hour behind another one is not late, and its panes wait for it."""
    ahead = Log("ahead", "events", [message(START_MS + HOUR_MS + index * 100) for index in range(50)])
    behind = Log("behind", "events", [message(START_MS + index * 100) for index in range(50)])
    tables = agree(POLICY, [ahead, behind])
    assert {row["late"] for row in tables["sli_pane"]} == {0}


@pytest.mark.parametrize(
    "messages",
    [[], [b""], [b"[]", b"\n"], [b"no json"], [b"[]", b"[1]"]],
    ids=["empty", "blank", "no items", "broken", "no object"],
)
def test_logs_without_an_item_give_no_rows(messages: list[bytes]) -> None:
    for logs in ([Log("a", "events", messages)], [Log("a", "events", messages), Log("b", "feedback", messages)]):
        ran = run_flow(parse(POLICY), logs, STARTED_MS)
        assert set(ran.tables) <= {"dead_letter"}
        assert ran.stop.error is None


def test_a_log_without_an_item_holds_nothing_up() -> None:
    logs = [Log("a", "events", [message(START_MS)]), Log("b", "events", []), Log("c", "feedback", [])]
    assert agree(POLICY, logs)["sli_pane"]


@pytest.mark.parametrize("without", ["dimensions", "measures", "sli", "windows"])
def test_a_policy_may_ask_for_less(without: str) -> None:
    text = policy(dimensions="[]", crosses="[]") if without == "dimensions" else POLICY
    text = policy(names="[]") if without == "measures" else text
    text = policy(tumbling="[]", sliding="[]") if without == "windows" else text
    if without == "sli":
        text = text[: text.index("[sli.")] + text[text.index("[dead_letters]") :]
    random = Random(5)
    tables = agree(text, [log("a", random, 100), log("f", random, 60, stream="feedback")])
    assert tables["outcome_pane"]


def test_an_sli_may_be_named_as_a_measure() -> None:
    """Its flags once overwrote the values of that measure."""
    text = POLICY.replace("[sli.polite]", "[sli.latency_ms]").replace("[sli.warm]", '[sli."metrics.gpu-util"]')
    agree(text, [log("a", Random(6), 100)])


def test_sums_are_exact_for_the_largest_and_the_smallest_values() -> None:
    """1e12 in units of 1e-6 is near the end of 64 bits, and some hundred of them are far past it.

    (A float above 2**53 units is exact only if it and its units are: 2.0**39 is, 1e12 - 1 is off by 6e-5. Money is
    exact to 1e-9 up to some millions.)
    """
    values = [1e12, -1e12, 1e-6, 0.0, 123456789.123457]
    random = Random(7)
    messages = [
        message(
            START_MS + index,
            score=random.choice(values),
            latency_ms=random.choice([1e12, 1e-6, 2.0**39]),
            cost_usd=random.choice([1e9, 1e-9, 2.0**29, 1_000_000.123456789]),
        )
        for index in range(1_500)
    ]
    agree(policy(names='["score", "latency_ms", "cost_usd"]'), [Log("a", "events", messages)])


def test_more_series_than_slots_are_kept_apart() -> None:
    """Versions come and go by the thousand: slots are numbered anew, and windows keep their content."""
    random = Random(8)
    messages = [
        message(START_MS + index * 30, version=f"v{index // 4}", latency_ms=random.lognormvariate(3, 1))
        for index in range(2_500)
    ]
    text = policy(versions_max="100000", series_max="100000")
    ran = run_flow(parse(text), [Log("a", "events", messages)], STARTED_MS, sizes=lambda: 500)
    check(ran.tables, answer(text, [Log("a", "events", messages)], STARTED_MS), text)


def test_the_last_pane_of_files_is_looked_at_once() -> None:
    """It came once more as files ended, and what had to last for two panes had lasted for them with one."""
    rule = (
        '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "availability"\ntarget = 0.9\nwindow = "1m"\nfor = "20s"\n'
    )
    text = base(sliding=[("1m", "10s")]) + sli("availability", "no_error") + rule

    def words(panes: int) -> list[str]:
        failing = [message(START_MS + n * 100, request_id=f"{n}", error_type="500") for n in range(100 * panes - 5)]
        ran = run_flow(parse(text), [Log("a", "events", failing)], STARTED_MS)
        return [row["verdict"] for row in ran.tables["verdict"] if row["slice"] == "*"]

    assert (words(1), words(2)) == ([], ["BAD"])
