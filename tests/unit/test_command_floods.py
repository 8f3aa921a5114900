"""A flood of commands that are all obeyed is no flood of control events, and no minutes of work."""

import time

import msgspec

from operators.release.floods import COMMANDS_MAX
from tests.dataflows.running import expand
from tests.releasing import OLD, Story, ack, kill, override, short


def test_more_commands_than_anybody_gives_in_a_pane_are_told_of_and_not_obeyed() -> None:
    """Each override and its end is an event; ids of those said at one time were compared one with another."""
    story = Story().settled()
    commands = [
        msgspec.structs.replace(override("v1", revoked=bool(number % 2)), id=f"c{number:05}") for number in range(8_000)
    ]
    began = time.process_time()
    told = story.pane(OLD, said=commands)
    assert time.process_time() - began < 20.0
    assert len(told) == COMMANDS_MAX + 1
    assert len({event.id for event in told}) == len(told)
    assert short(told[0]) == "alert  commands:too_many firing"
    assert told[0].severity == "page"
    rows = [row for rows in story.rows if rows.table == "command" for row in expand(rows)]
    assert [row["accepted"] for row in rows] == [1] * COMMANDS_MAX + [0] * 7_800
    assert {row["reason"] for row in rows[COMMANDS_MAX:]} == {told[0].reason}
    assert told[0].reason == "7800 commands beyond 200 of one kind and pane were not obeyed; the first: c00200"


def test_as_many_as_are_allowed_are_obeyed() -> None:
    story = Story().settled()
    commands = [
        msgspec.structs.replace(override("v1", revoked=bool(number % 2)), id=f"c{number:05}")
        for number in range(COMMANDS_MAX)
    ]
    assert len(story.pane(OLD, said=commands)) == COMMANDS_MAX


def test_a_flood_of_what_little_somebody_may_say_holds_up_no_kill() -> None:
    """With a key that may acknowledge, and nothing else, 200 a pane kept everybody's commands from being obeyed."""
    story = Story().settled()
    acks = [msgspec.structs.replace(ack("nothing"), id=f"a{number:05}") for number in range(2 * COMMANDS_MAX)]
    told = story.pane(OLD, said=[*acks, msgspec.structs.replace(kill("v1"), id="z")])
    assert [short(each) for each in told if each.type == "kill"] == ["kill v1 commands:kill"]
    assert told[0].reason == "200 commands beyond 200 of one kind and pane were not obeyed; the first: a00200"
