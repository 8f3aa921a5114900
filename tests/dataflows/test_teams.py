"""Several policy files in one worker: each model has the rows and events that it would have with its file alone."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from operators.policy.policy import Policy
from operators.policy_file.defaults import MEASURES
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.recovery import StateMismatch
from tests.dataflows.making import POLICY, START_MS, STARTED_MS, log
from tests.dataflows.running import Ran, exact, run_flow, tables_of
from tests.dataflows.test_recovery import run_through_crashes, run_until_crash
from tests.oracle import Log
from tests.policies import sli, table

RULES = """
[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.9
window = "1m"
confidence = 0.5
slices = ["*", "segment"]
action = "rollback"
[[rule]]
name = "canary"
kind = "canary"
slis = ["availability"]
slices = ["*", "segment"]
[[rule]]
name = "gone"
kind = "absence"
after = "1m"
"""
# The worker's tables, and what the first team counts: with four measures more, SLIs on feedback, two dimensions.
WORKERS = POLICY[: POLICY.index("[slices]")] + POLICY[POLICY.index("[dedup]") :]
FIRST = 'models = ["m0"]\n' + POLICY + RULES
SECOND = (
    'models = ["m1", "x-*"]\n'
    + table("slices", dimensions=["segment"])
    + table("windows", tumbling=["1m"], sliding=[{"size": "10m", "every": "20s"}])
    + table("measures", names=["score", "feedback.judge"])
    + sli("availability", "no_error", errors=["500"])
    + sli("liked", "at_least", field="feedback.judge", limit=3)
    + RULES
    + '[[monitor]]\nname = "steady"\nkind = "adwin"\non = ["sli.availability"]\n'
)
REST = RULES.replace("0.9", "0.88").replace('"segment"', '"region=eu"', 1).replace('"segment"', '"region"')
FILES = {"first": FIRST, "second": SECOND, "default": REST}
MODELS = {"first": ["m0"], "second": ["m1"], "default": ["m2", "m3"]}


def alone(text: str) -> Policy:
    """The policy of a file with the worker's tables, for its models alone."""
    return limited(parse(text if "[time]" in text else f"{text}\n{WORKERS}"))


def of_model(ran: Ran, model: str) -> tuple[list[str], list[Any]]:
    rows = [
        f"{name} {sorted(row.items())!r}"
        for name, some in ran.tables.items()
        for row in some
        if row.get("model") == model
    ]
    return sorted(rows), [event for event in ran.control if event.model == model]


def logs(count: int = 300) -> list[Log]:
    random = Random(7)
    events = [log(f"events/{part}", random, count, spacing_ms=400, models=4) for part in range(2)]
    return [*events, log("feedback/0", random, count // 3, stream="feedback", spacing_ms=2_000, models=4)]


def run(policy: Policy, some: Sequence[Log], sizes: Callable[[], int]) -> Ran:
    ran = run_flow(policy, some, STARTED_MS, sizes=sizes)
    assert ran.stop.error is None
    return ran


@pytest.fixture(scope="module")
def together() -> Ran:
    """All files in one worker, in batches of any size."""
    random = Random(1)
    return run(parse_teams(FILES), logs(), lambda: random.randint(1, 400))


@pytest.mark.parametrize("name", FILES)
def test_each_model_has_what_it_has_with_its_file_alone(name: str, together: Ran) -> None:
    """m0 is the first team's, m1 the second's, m2 and m3 of the rest: counts, windows, verdicts, control events."""
    by_itself = run(alone(FILES[name]), logs(), lambda: 1_000)
    for model in MODELS[name]:
        rows, events = of_model(together, model)
        assert len(rows) > 100
        assert events
        assert (rows, events) == of_model(by_itself, model), model


def test_each_file_has_its_own_slices_slis_and_measures(together: Ran) -> None:
    def of(model: str, table: str, column: str) -> set[Any]:
        return {row[column] for row in together.tables[table] if row["model"] == model}

    assert of("m1", "sli_pane", "slice") == {f"segment={name}" for name in ("pro", "free", "*", "")}
    assert of("m1", "sli_pane", "sli") == {"availability", "liked"}
    assert of("m1", "measure_pane", "measure") == {"score", "feedback.judge"}
    assert of("m2", "measure_pane", "measure") == {*MEASURES} - {"output_tokens"}
    assert {row["slice"] for row in together.tables["feedback"] if row["model"] == "m1"} == {"segment="}


def test_what_no_policy_takes_is_counted_and_is_no_error(together: Ran) -> None:
    ran = run(parse_teams({name: FILES[name] for name in ("first", "second")}), logs(), lambda: 100)
    unclaimed: Counter[str] = sum((batch.unclaimed for _, batch in ran.batches), Counter())
    assert unclaimed.keys() == {"m2", "m3"}
    nobodys = [row for row in together.tables["outcome_pane"] if row["model"] in unclaimed]
    feedback = [row for row in together.tables["feedback"] if row["model"] in unclaimed]
    assert sum(row["n"] for row in nobodys) + len(feedback) == unclaimed.total()
    assert {row["model"] for rows in ran.tables.values() for row in rows if row.get("model")} == {"m0", "m1"}
    assert sorted(map(str, ran.letters)) == sorted(map(str, together.letters))
    for model in ("m0", "m1"):  # A file less changes nothing of the others.
        assert of_model(ran, model) == of_model(together, model)


def test_a_command_about_a_model_that_no_policy_takes_is_counted_and_answered() -> None:
    pin = {"type": "pin", "id": "1", "ts": START_MS + 40_000, "model": "m7", "version": "v1", "by": "ann"}
    given = Log("commands", "commands", [json.dumps(pin).encode()])
    ran = run(parse_teams({"first": FIRST, "second": SECOND}), [*logs(), given], lambda: 100)
    counted: Counter[str] = sum((batch.unclaimed for name, batch in ran.batches if name == "commands"), Counter())
    assert counted == {"m7": 1}
    assert [event.rule for event in ran.control if "m7" in event.reason] == ["commands:unclaimed"]


def test_of_models_that_no_policy_takes_each_is_named() -> None:
    pins = [
        {"type": "pin", "id": str(n), "ts": START_MS + 40_000 + n, "model": f"m{n}", "version": "v1", "by": "ann"}
        for n in (6, 7, 8, 9)
    ]
    given = Log("commands", "commands", [json.dumps(pin).encode() for pin in pins])
    ran = run(parse_teams({"first": FIRST, "second": SECOND}), [*logs(), given], lambda: 100)
    (event,) = [event for event in ran.control if event.rule == "commands:unclaimed"]
    assert "4 commands were refused" in event.reason
    assert [f"'m{n}'" in event.reason for n in (6, 7, 8, 9)] == [True, True, True, False]


def test_crashes_do_not_show_where_there_are_several_files(tmp_path: Path, together: Ran) -> None:
    random, policy = Random(3), parse_teams(FILES)
    few = logs(100)
    wanted = exact(run(policy, few, lambda: 20).tables)
    runs = run_through_crashes(policy, few, tmp_path, lambda: (random.randint(1, 6), random.randint(5, 20)))
    assert len(runs) > 3
    assert sorted(set(exact(tables_of(rows for each in runs for rows in each.rows)))) == sorted(set(wanted))


def test_a_file_that_counts_otherwise_is_named_at_the_next_start(tmp_path: Path) -> None:
    """Another one may come, and one may go: the others go on."""
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    some = logs(40)
    run_until_crash(parse_teams(FILES), some, tmp_path, 6, 10)
    other = {**FILES, "second": SECOND.replace("limit = 3", "limit = 4")}
    with pytest.raises(StateMismatch, match=r"second\.toml: the policy's time, slices"):
        run_until_crash(parse_teams(other), some, tmp_path, 2, 10)
    fewer = {name: text for name, text in FILES.items() if name != "second"}
    assert run_until_crash(parse_teams({**fewer, "third": 'models = ["m9"]'}), some, tmp_path, 1_000, 10).ended


def test_two_workers_with_files_of_one_name_do_not_share_rows_of_progress() -> None:
    """Each with a file for models of its own, in a folder or by itself: the rows of one replaced those of the other."""
    files = [f'models = ["{model}"]\n{POLICY}' for model in ("m0", "m1")]
    for policy in (lambda text: parse_teams({"team": text}), alone):
        ran = [run(policy(text), logs(), lambda: 1_000).tables["progress"] for text in files]
        one, other = ({(row["shard"], row["at"]) for row in rows} for rows in ran)
        assert one
        assert not one & other
