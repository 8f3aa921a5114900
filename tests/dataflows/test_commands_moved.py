"""Commands of a model that another policy file takes are obeyed once, and none is lost; nor where no file takes it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bytewax.recovery import init_db_dir

from flows.recovery.layouts import gone_on
from flows.recovery.parts import parts_of
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.wire.control import ControlEvent
from tests.dataflows.running import tables_of
from tests.dataflows.test_recovery import run_until_crash
from tests.dataflows.test_teams_moved import END_S, FIRST, MOVED, OTHER, OWN, START_MS, WITHDRAWN_S, log, of
from tests.oracle import Log

SIZE = 40  # Messages of a read, of the events one of 20 s.
NOBODYS = {"x": of(["c"]), "y": of(["b"])}
GONE = {"y": of(["b"])}
ONE = {"": OWN}


def command(second: int, kind: str, **fields: Any) -> bytes:
    given = {"type": kind, "id": f"{kind}-{second}", "ts": START_MS + second * 1_000, "model": "a", "by": "ann"}
    return json.dumps(given | fields).encode()


Stage = tuple[Mapping[str, str], int, Sequence[bytes]]


def said(store: Path, stages: Sequence[Stage], model: str = "a") -> list[list[ControlEvent]]:
    """What is said of a model under each set of files in turn, each until a time [s], with commands that came by then.

    They are read with the first events, whatever their times.
    """
    init_db_dir(store, 1)  # type: ignore[no-untyped-call]
    before, found, given = 0, [], list[bytes]()
    for texts, until, more in stages:
        given += more
        new = limited(parse(texts[""])) if "" in texts else parse_teams(texts)
        reads = (until - before) * 2 // SIZE + 1 if until < END_S else 10_000
        before = until
        logs = [log(), Log("commands", "commands", [*given])]
        ran = run_until_crash(gone_on(store, parts_of(store), new), logs, store, reads, SIZE)
        found.append([each for each in ran.control if each.model == model])
    return found


@pytest.mark.parametrize("files", [(FIRST, MOVED["joined"]), (FIRST, MOVED["renamed"]), (ONE, FIRST)])
def test_a_command_that_comes_again_after_the_model_moved_is_not_obeyed_again(
    files: tuple[Mapping[str, str], Mapping[str, str]], tmp_path: Path
) -> None:
    """Somebody pinned v3 and thought better of it; then the first command is delivered once more."""
    pin, unpin = command(100, "pin", version="v3"), command(150, "unpin")
    before, after = said(tmp_path, [(files[0], 400, [pin, unpin]), (files[1], END_S, [pin])])
    assert "v3" in {each.pin for each in before}
    assert "v3" not in {each.pin for each in after}
    assert [each.rule for each in after if each.rule.startswith("commands:")] == ["commands:repeated"]


@pytest.mark.parametrize("files", [(FIRST, MOVED["joined"]), (FIRST, MOVED["renamed"]), (ONE, FIRST)])
def test_a_command_that_waits_for_its_time_goes_with_the_model(
    files: tuple[Mapping[str, str], Mapping[str, str]], tmp_path: Path
) -> None:
    before, after = said(tmp_path, [(files[0], 400, [command(450, "pin", version="v3")]), (files[1], END_S, [])])
    assert "v3" not in {each.pin for each in before}
    assert [each.reason.endswith("by ann") for each in after if each.pin == "v3"][:1] == [True]


def of_all(second: int, kind: str, **fields: Any) -> bytes:
    given = {"type": kind, "id": f"{kind}-{second}", "ts": START_MS + second * 1_000, "by": "ann", "rule": "slo"}
    return json.dumps(given | fields).encode()


ONE_SHARD = "[worker]\nshards = 1\n"
ALONE = {"": f"{OWN}{ONE_SHARD}"}
DIVIDED = {"a": of(["a"], OTHER), "default": f"{OWN}{ONE_SHARD}"}


def alerts(events: Sequence[ControlEvent]) -> set[tuple[str, bool]]:
    return {(each.rule, each.silenced) for each in events if each.type == "alert"}


def test_a_silence_of_all_models_that_was_ended_is_not_obeyed_again_by_a_file_that_is_new(tmp_path: Path) -> None:
    silence = of_all(100, "silence", until=START_MS + 5_000_000)
    ended = [silence, of_all(150, "unsilence")]
    *_, last = said(tmp_path, [(ALONE, 400, ended), (DIVIDED, 450, []), (DIVIDED, END_S, [silence])])
    assert alerts(last) == {("slo", False)}


def test_what_all_models_are_told_takes_a_model_into_no_shard_but_its_own(tmp_path: Path) -> None:
    """While it was nobody's it was put aside in another one: there it was told of as silent, and had two lives."""
    muted = of_all(740, "silence", until=START_MS + 800_000, rule="silent")
    stages: list[Stage] = [
        ({"x": of(["a"]), "y": of(["b", "c"])}, 500, []),
        ({"x": of(["d"]), "z": of(["b"])}, 540, []),
        ({"x": of(["a"]), "y": of(["b"])}, END_S, [muted]),
    ]
    *_, last = said(tmp_path, stages)
    assert "silent" not in {each.rule for each in last}


def test_what_all_models_are_told_is_for_those_too_that_arrive_with_that_very_pane(tmp_path: Path) -> None:
    silence, ended = of_all(100, "silence", until=START_MS + 5_000_000), of_all(500, "unsilence")
    stages: list[Stage] = [(ALONE, 400, [silence]), (DIVIDED, 500, []), (ALONE, 560, []), (DIVIDED, END_S, [ended])]
    *_, last = said(tmp_path, stages)
    assert alerts(last) == {("slo", False)}


@pytest.mark.parametrize("files", [NOBODYS, GONE])
def test_the_pin_of_a_model_that_no_file_takes_is_lifted_by_command(files: Mapping[str, str], tmp_path: Path) -> None:
    unpin = command(800, "unpin")
    before, after, last = said(tmp_path, [(FIRST, 500, []), (files, 600, [unpin]), (files, END_S, [])])
    assert before[-1].pin == "v1"
    assert {each.pin for each in after} == {"v1"}
    assert [(each.pin, "by ann" in each.reason) for each in last] == [(None, True)]
    assert last[0].revision > after[-1].revision > before[-1].revision


def test_a_model_that_a_command_alone_named_is_missed_by_nobody_where_it_moves(tmp_path: Path) -> None:
    """Somebody mistyped a name; after the next change of files there was an alert that nothing comes of it."""
    named = command(100, "pin", model="e", version="v3")
    some = {"x": of(["e"]), "y": of(["b"])}, {"x": of(["c"]), "y": of(["b", "e"])}
    *_, last = said(tmp_path, [(some[0], 300, [named]), (some[1], END_S, [command(600, "unpin", model="e")])], "e")
    assert [each.rule for each in last] == ["commands:unpin"]


@pytest.mark.parametrize("files", [NOBODYS, GONE])
def test_what_is_open_of_a_model_that_no_file_takes_is_over(files: Mapping[str, str], tmp_path: Path) -> None:
    """Whether its file is there or not; once, however often the worker is restarted."""
    stages: list[Stage] = [(FIRST, 660, []), *((files, until, []) for until in (700, 760, END_S))]
    before, *after = said(tmp_path, stages)
    assert (before[-1].rule, before[-1].state) == ("slo", "firing")
    over = [each for part in after for each in part]
    assert {(each.state, each.closes, each.pin, each.reason) for each in over} == {
        ("resolved", True, "v1", "no policy file takes it any more")
    }
    assert sorted(each.incident for each in over) == sorted({each.incident for each in before})


def test_the_incident_of_a_version_that_was_withdrawn_is_closed_too(tmp_path: Path) -> None:
    before, after = said(tmp_path, [(FIRST, WITHDRAWN_S + 30, []), (GONE, END_S, [])])
    (rollback,) = [each for each in before if each.type == "rollback"]
    assert [each.incident for each in before if each.closes] == []
    assert [(each.incident, each.closes, each.state, each.pin) for each in after] == [
        (rollback.incident, True, "resolved", "v1")
    ]


def test_a_model_of_another_worker_is_not_answered_for(tmp_path: Path) -> None:
    """Of two workers that read the same commands, each with files of its own, one alone obeys.

    The name may as well be mistyped: that nothing was changed is said once, in the name of no model.
    """
    given = Log("commands", "commands", [command(300, "pin", model="elsewhere", version="v3")])
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    ran = run_until_crash(parse_teams(FIRST), [log(), given], tmp_path, 10_000, SIZE)
    assert "elsewhere" not in {each.model for each in ran.control}
    assert "elsewhere" not in {row["model"] for row in tables_of(ran.rows).get("command", ())}
    (told,) = [each for each in ran.control if each.rule == "commands:unclaimed"]
    assert (told.model, told.severity, "takes model 'elsewhere'" in told.reason) == ("", "info", True)
