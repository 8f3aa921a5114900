"""One policy file becomes a folder of several, and a folder one file again: the recovery folder goes on."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.layouts import gone_on
from flows.recovery.parts import parts_of
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from tests.dataflows.running import Table, exact, tables_of
from tests.dataflows.test_policy_evolution import BEFORE, TABLES, logs, undisturbed
from tests.dataflows.test_recovery import run_until_crash
from tests.dataflows.test_teams_moved import AGAIN_S, END_S, FIRST, MOVED_S, OTHER, OWN, of, said

ONE = {"": OWN}
# What a team's first own file may be beside that which was alone.
FOLDERS = {
    "the old one takes the rest": {"default": OWN, "b": of(["b"], OTHER)},
    "another one takes the rest": {"old": of(["a"]), "default": OTHER},
    "the model has a file of its own": {"a": of(["a"], OTHER), "default": OWN},
    "two that count alike": {"a": of(["a"]), "b": of(["b"])},
    "the same file, for some models": {"": of(["a"])},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_was_withdrawn_stays_so_where_one_file_becomes_a_folder(name: str, tmp_path: Path) -> None:
    before, after = said(tmp_path, [(ONE, MOVED_S), (FOLDERS[name], END_S)])
    assert [(each.type, each.pin) for each in before if each.type == "rollback"] == [("rollback", "v1")]
    assert {each.rule for each in after if each.type == "alert" and each.state == "firing"} == {"slo"}
    assert {(each.pin, each.barred) for each in after} == {("v1", ("v2",))}
    assert min(each.revision for each in after) > max(each.revision for each in before)


@pytest.mark.parametrize("name", FOLDERS)
def test_and_so_it_does_on_the_way_back(name: str, tmp_path: Path) -> None:
    _, _, once = said(tmp_path, [(ONE, MOVED_S), (FOLDERS[name], MOVED_S + 50), (ONE, END_S)])
    assert {each.rule for each in once if each.type == "alert" and each.state == "firing"} == {"slo"}
    assert {(each.pin, each.barred) for each in once} == {("v1", ("v2",))}


def test_a_folder_becomes_one_file_and_one_of_other_files(tmp_path: Path) -> None:
    known = [(FIRST, MOVED_S), (ONE, MOVED_S + 50), ({"new": of(["a", "b"])}, AGAIN_S - 50), (FIRST, END_S)]
    *_, last = said(tmp_path, known)
    assert {each.rule for each in last if each.type == "alert" and each.state == "firing"} == {"slo"}
    assert {(each.pin, each.barred) for each in last} == {("v1", ("v2",))}


def through(store: Path, policies: Sequence[Policy], reads: int = 8) -> list[Table]:
    """What is written under each policy in turn, the last one to the end."""
    store.mkdir(exist_ok=True)
    init_db_dir(store, 1)  # type: ignore[no-untyped-call]
    last, found = len(policies) - 1, []
    for at, each in enumerate(policies):
        ran = run_until_crash(gone_on(store, parts_of(store), each), logs(), store, 10_000 if at == last else reads, 20)
        assert ran.ended == (at == last)
        found.append(tables_of(ran.rows))
    return found


def of_model(tables: Table, model: str) -> list[str]:
    """The rows of a model, whatever policy they name."""
    kept = {
        table: [
            {key: each for key, each in row.items() if key != "policy"}
            for row in tables.get(table, ())
            if row["model"] == model
        ]
        for table in TABLES
    }
    return sorted(set(exact(kept)))


def together(tables: Sequence[Table]) -> Table:
    return {name: [row for each in tables for row in each.get(name, ())] for name in set[str]().union(*tables)}


DIVIDED = {"b": of(["b"]), "default": OWN}
WAYS = {
    "a folder, and one file": [FIRST, ONE, DIVIDED],
    "other files than the first time": [ONE, DIVIDED, ONE, {"b": of(["b"]), "c": of(["a"])}],
    "a file of one model, and of all": [{"x": of(["a", "b"])}, DIVIDED],
}


@pytest.mark.parametrize("name", WAYS)
def test_one_file_goes_on_whatever_the_file_was_that_was_alone(name: str, tmp_path: Path) -> None:
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    ways = [limited(parse(texts[""])) if "" in texts else parse_teams(texts) for texts in WAYS[name]]
    kept = [{each.team for each in gone_on(tmp_path, [], policy).each} for policy in ways]
    assert len(kept[-2]) == 1
    assert kept[-2] < kept[-1]


SEVERAL = {"default": BEFORE, "new": f'models = ["m1"]\n{BEFORE}'}


@pytest.mark.parametrize("steps", ["folder", "there and back", "often"])
def test_what_the_file_that_goes_on_takes_shows_nothing_of_it(steps: str, tmp_path: Path) -> None:
    """Windows, verdicts, canaries and monitors of its models have the rows of an undisturbed run, to the last bit."""
    one, several = parse(BEFORE), parse_teams(SEVERAL)
    ways = {"folder": [one, several], "there and back": [one, several, one], "often": [one, several, several, one, one]}
    rows = of_model(undisturbed(BEFORE), "m0")
    assert len(rows) > 100
    assert of_model(together(through(tmp_path, ways[steps], 5)), "m0") == rows


def test_what_moves_to_another_file_is_counted_once(tmp_path: Path) -> None:
    """Of a pane that is open then both files have a part, and the store keeps the larger one."""

    def requests(tables: Table) -> Counter[Any]:
        rows = {
            (row["model"], row["version"], row["slice"], row["pane_start"], row["late"], row["error_type"]): row["n"]
            for row in tables["outcome_pane"]
        }
        found: Counter[Any] = Counter()
        for key, n in rows.items():
            found[key[:2]] += n
        return found

    moved = requests(together(through(tmp_path, [parse(BEFORE), parse_teams(SEVERAL)], 5)))
    wanted = requests(undisturbed(BEFORE))
    assert not moved - wanted
    assert {model: (wanted - moved)[model] for model in wanted if model[0] == "m0"} == dict.fromkeys(
        (model for model in wanted if model[0] == "m0"), 0
    )
    assert (wanted - moved).total() <= 3


def test_a_file_that_came_back_goes_on_with_every_restart_after(tmp_path: Path) -> None:
    """What it had is gone, and it begins anew: once, however often the worker is restarted."""
    several = parse_teams(SEVERAL)
    ways = [several, parse_teams({"default": BEFORE}), several]
    through(tmp_path, ways, 5)
    named = [[each.team for each in gone_on(tmp_path, parts_of(tmp_path), several).teams] for _ in range(3)]
    assert named == [["default", "new/2"]] * 3


def test_what_cannot_go_on_is_refused_before_anything_is_lost(tmp_path: Path) -> None:
    through(tmp_path, [parse(BEFORE), parse(BEFORE)])
    kept = (tmp_path / "layout.json").read_bytes()
    for key, value in (("shards", 4), ("spread", 3)):
        asked = {**SEVERAL, "default": f"{BEFORE}\n[worker]\n{key} = {value}\n"}
        with pytest.raises(PolicyError, match=f"worker.{key} = {value}"):
            gone_on(tmp_path, parts_of(tmp_path), parse_teams(asked))
        assert (tmp_path / "layout.json").read_bytes() == kept


def test_which_file_goes_on_does_not_depend_on_the_way_in_which_the_models_are_named(tmp_path: Path) -> None:
    """A file that says of all its models which they are is as good as one that takes the rest."""
    one, alone = parse(BEFORE), limited(parse(f'models = ["m*"]\n{BEFORE}'))
    rows = [of_model(undisturbed(BEFORE), model) for model in ("m0", "m1")]
    written = together(through(tmp_path, [one, alone, one], 5))
    assert [of_model(written, model) for model in ("m0", "m1")] == rows
