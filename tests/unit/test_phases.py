"""The transitions of a release: as documented, and each taken by a Judge that is told what leads to it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from operators.release.transitions import TRANSITIONS, URGENCY, Phase, Signal, step
from operators.wire.control import VERSIONS_MAX, ControlType
from tests.releasing import (
    BAD_NEWS,
    CANARY,
    GOOD_NEWS,
    OLD,
    SMALL_WELL,
    THRESHOLD,
    Counts,
    Story,
    kill,
    override,
    release,
    rollback,
    short,
)
from tests.releasing import RELEASE as RELEASE_TABLE

README = Path(__file__).parents[2] / "operators/release/README.md"
KILL = CANARY.replace('"rollback"', '"kill"')
# The pinned version is as ill as the one that was rolled back.
NO_HELP: Counts = {"v1": (60, 40)}


def test_the_table_is_the_one_in_the_readme() -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \| (\w*) ?\|$", README.read_text(), re.MULTILINE)
    written = [f"{phase} {signal} -> {after} {said}".strip() for phase, signal, after, said in rows]
    coded = [
        f"{phase} {signal} -> {after} {said or ''}".strip() for (phase, signal), (after, said) in TRANSITIONS.items()
    ]
    assert written == coded


def test_every_phase_can_be_left_and_every_signal_means_something() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(get_args(Phase)) == set(URGENCY)
    assert {signal for _, signal in TRANSITIONS} == set(get_args(Signal))


def test_a_candidate_is_withdrawn_at_most_once() -> None:
    """Between two withdrawals by rules somebody releases it anew or lets it run, or it is forgotten."""
    after = [to for (_, signal), (to, _) in TRANSITIONS.items() if signal in ("harmful", "stopped")]
    reached = set(after)
    while True:
        more = {
            to
            for (phase, signal), (to, _) in TRANSITIONS.items()
            if phase in reached and signal not in ("released", "overridden", "ended")
        }
        if more <= reached:
            break
        reached |= more
    assert all(step(phase, "harmful") is None and step(phase, "stopped") is None for phase in reached)


def test_only_the_machine_moves_a_version() -> None:
    """Nothing else makes, replaces or drops what is known of one, or gives it another state."""
    changes = re.compile(r"\.trials\[[^\]]+\] = |\.trials\.pop|del \S+\.trials|ReleaseState\(|trial\.state = ")
    folder = README.parent
    found = {path.name for path in folder.glob("*.py") if changes.search(path.read_text())}
    assert found - {"state.py"} == {"machine.py"}


def steady() -> Story:
    """v2 has never served."""
    return Story().settled()


def harmless() -> Story:
    """v2 was there from the beginning, like v1."""
    story = Story(THRESHOLD.replace('"alert"', '"throttle"'), RELEASE_TABLE.replace("10s", "1h"))
    story.play(GOOD_NEWS)
    return story


def promoted(rules: str = CANARY) -> Story:
    story = Story(rules).settled()
    story.until("promote", GOOD_NEWS)
    return story


def serving() -> Story:
    """The same, and a rule holds that it is throttled."""
    story = harmless()
    story.play(BAD_NEWS, panes=3)
    return story


def rolling_out(rules: str = CANARY) -> Story:
    story = Story(rules).settled()
    story.play(GOOD_NEWS)
    return story


def rolled_back(rules: str = CANARY) -> Story:
    story = rolling_out(rules)
    story.until("kill" if rules is KILL else "rollback", BAD_NEWS)
    return story


def unheard_of() -> Story:
    """What it served was so long ago that it is as if it never had."""
    story = rolled_back()
    del story.judge.state.models["m"].served["v2"]
    return story


def killed_unheard_of(story: Story) -> list[str]:
    """It is rolled back once more and, in the same pane, no longer waited for: of that nothing is said."""
    assert story.play(OLD, said=[kill()]) == ["kill v2 commands:kill"]
    return []


def verifying() -> Story:
    story = rolled_back()
    story.until("rollback_applied", NO_HELP)
    return story


def recovered() -> Story:
    story = rolled_back()
    story.until("recovered", OLD)
    return story


def ineffective() -> Story:
    """The candidate goes on serving."""
    story = rolled_back()
    story.until("rollback_ineffective", BAD_NEWS)
    return story


def applied_late() -> Story:
    story = ineffective()
    story.until("rollback_applied", NO_HELP)
    return story


def overridden() -> Story:
    story = rolling_out()
    story.play(GOOD_NEWS, said=[override()])
    return story


def overridden_while_serving() -> Story:
    story = serving()
    story.play(BAD_NEWS, said=[override()])
    return story


def with_another(story: Story) -> Story:
    """v3 is released, which lifts the pin."""
    story.play(said=[release("v3", "v1")])
    return story


def lifted(story: Story) -> Story:
    """v9 was let run, which lifted the pin, and no longer."""
    story.play(said=[override("v9")])
    story.play(said=[override("v9", revoked=True)])
    return story


def playing(*args: object, **more: object) -> Callable[[Story], list[str]]:
    return lambda story: story.play(*args, **more)  # type: ignore[arg-type]


def until(kind: ControlType, counts: Counts) -> Callable[[Story], list[str]]:
    return lambda story: [short(story.until(kind, counts))]


RELEASE = playing(GOOD_NEWS, said=[release(share=0.5)])
ANEW = playing(GOOD_NEWS, said=[release(metadata={"candidate": {"prompt": "b"}})])
UNHEARD = playing(OLD, panes=365)  # `known` is an hour.
RECALL, SHUT_OUT = (playing(OLD, said=[each]) for each in (rollback(to="v1"), kill()))
OVERRIDE = playing(GOOD_NEWS, said=[override()])


def crowded_out(story: Story) -> list[str]:
    """So many are withdrawn after it that it is remembered no longer."""
    return story.play(OLD, said=[kill(f"w{number}") for number in range(VERSIONS_MAX)]) + story.play(OLD)


CASES: dict[tuple[Phase, Signal], tuple[Callable[[], Story], Callable[[Story], list[str]]]] = {
    ("steady", "accused"): (harmless, playing(BAD_NEWS, panes=3)),
    ("steady", "released"): (steady, RELEASE),
    ("steady", "harmful"): (harmless, playing(OLD, said=[rollback()])),
    ("steady", "stopped"): (harmless, playing(OLD, said=[kill()])),
    ("steady", "overridden"): (steady, OVERRIDE),
    ("serving", "released"): (serving, RELEASE),
    ("serving", "harmful"): (serving, playing(BAD_NEWS, said=[rollback()])),
    ("serving", "stopped"): (serving, playing(BAD_NEWS, said=[kill()])),
    ("serving", "overridden"): (serving, OVERRIDE),
    ("serving", "ended"): (serving, playing(GOOD_NEWS, panes=30)),
    ("rolling_out", "released"): (lambda: declared(rolling_out()), ANEW),
    ("rolling_out", "passed"): (rolling_out, playing(GOOD_NEWS, panes=300)),
    ("rolling_out", "harmful"): (rolling_out, until("rollback", BAD_NEWS)),
    ("rolling_out", "stopped"): (lambda: rolling_out(KILL), until("kill", BAD_NEWS)),
    ("rolling_out", "overridden"): (rolling_out, OVERRIDE),
    ("rolling_out", "ended"): (rolling_out, UNHEARD),
    ("promoted", "released"): (lambda: declared(promoted()), RELEASE),
    ("promoted", "harmful"): (promoted, until("rollback", BAD_NEWS)),
    ("promoted", "stopped"): (lambda: promoted(KILL), until("kill", BAD_NEWS)),
    ("promoted", "overridden"): (promoted, OVERRIDE),
    ("promoted", "ended"): (promoted, UNHEARD),
    ("rolled_back", "released"): (rolled_back, RELEASE),
    ("rolled_back", "applied"): (rolled_back, playing(NO_HELP, panes=6)),
    ("rolled_back", "absent"): (unheard_of, killed_unheard_of),
    ("rolled_back", "overdue"): (rolled_back, playing(panes=30)),
    ("rolled_back", "ignored"): (rolled_back, playing(BAD_NEWS, panes=12)),
    ("rolled_back", "recalled"): (rolled_back, RECALL),
    ("rolled_back", "shut_out"): (rolled_back, SHUT_OUT),
    ("rolled_back", "returned"): (lambda: lifted(rolled_back()), until("rollback", BAD_NEWS)),
    ("rolled_back", "barred"): (lambda: with_another(rolled_back()), until("kill", BAD_NEWS)),
    ("rolled_back", "overridden"): (rolled_back, OVERRIDE),
    ("rolled_back", "ended"): (rolled_back, crowded_out),
    ("verifying", "released"): (verifying, RELEASE),
    ("verifying", "well"): (verifying, playing(OLD, panes=20)),
    ("verifying", "overdue"): (verifying, playing(NO_HELP, panes=30)),
    ("verifying", "recalled"): (verifying, RECALL),
    ("verifying", "shut_out"): (verifying, SHUT_OUT),
    ("verifying", "returned"): (verifying, until("rollback", NO_HELP | {"v2": SMALL_WELL})),
    ("verifying", "barred"): (lambda: with_another(verifying()), until("kill", NO_HELP | {"v2": SMALL_WELL})),
    ("verifying", "overridden"): (verifying, OVERRIDE),
    ("verifying", "ended"): (verifying, crowded_out),
    ("recovered", "released"): (recovered, RELEASE),
    ("recovered", "recalled"): (recovered, RECALL),
    ("recovered", "shut_out"): (recovered, SHUT_OUT),
    ("recovered", "returned"): (recovered, until("rollback", BAD_NEWS)),
    ("recovered", "barred"): (lambda: with_another(recovered()), until("kill", BAD_NEWS)),
    ("recovered", "overridden"): (recovered, OVERRIDE),
    ("recovered", "ended"): (recovered, crowded_out),
    ("ineffective", "released"): (ineffective, RELEASE),
    ("ineffective", "applied"): (ineffective, playing(NO_HELP, panes=12)),
    ("ineffective", "well"): (applied_late, playing(OLD, panes=20)),
    ("ineffective", "recalled"): (ineffective, RECALL),
    ("ineffective", "shut_out"): (ineffective, SHUT_OUT),
    ("ineffective", "returned"): (applied_late, until("rollback", NO_HELP | {"v2": SMALL_WELL})),
    ("ineffective", "barred"): (lambda: with_another(applied_late()), until("kill", NO_HELP | {"v2": SMALL_WELL})),
    ("ineffective", "overridden"): (ineffective, OVERRIDE),
    ("ineffective", "ended"): (ineffective, crowded_out),
    ("overridden", "released"): (lambda: declared(overridden()), RELEASE),
    ("overridden", "harmful"): (overridden, playing(GOOD_NEWS, said=[rollback()])),
    ("overridden", "stopped"): (overridden, playing(GOOD_NEWS, said=[kill()])),
    ("overridden", "revoked"): (overridden, playing(GOOD_NEWS, said=[override(revoked=True)])),
    ("overridden", "resumed"): (overridden_while_serving, playing(BAD_NEWS, said=[override(revoked=True)])),
    ("overridden", "ended"): (overridden, UNHEARD),
}


def declared(story: Story) -> Story:
    """A first release command only describes what was seen already; the next one begins anew if it says more."""
    story.play(GOOD_NEWS, said=[release()])
    return story


def test_every_transition_is_taken_below() -> None:
    assert list(CASES) == list(TRANSITIONS)


@pytest.mark.parametrize(("phase", "signal"), CASES)
def test_a_transition(phase: Phase, signal: Signal) -> None:
    before, then = CASES[phase, signal]
    story = before()
    assert story.phase() == phase
    told = [text for text in then(story) if text.split()[1] == "v2"]
    after, said = TRANSITIONS[phase, signal]
    assert story.phase() == after
    if said is not None:
        assert any(text.startswith(said) for text in told), told
    else:
        kinds: set[ControlType] = {"alert", "throttle", "hold"}
        assert {text.split()[0] for text in told} <= kinds


@pytest.mark.parametrize("before", [verifying, recovered, applied_late], ids=lambda before: str(before.__name__))
def test_what_was_let_run_after_a_rollback_can_be_taken_out_again(before: Callable[[], Story]) -> None:
    """What was known of its first withdrawal stopped the worker: its traffic had left, users were well."""
    story = before()
    story.play(GOOD_NEWS, said=[override()])
    assert story.play(GOOD_NEWS, said=[rollback()]) == ["rollback v2 commands:rollback"]
    assert (story.release_of().times.applied, story.release_of().times.recovered) == (None, None)
    assert "rollback_applied v2 commands:rollback" in story.play(OLD, panes=29)


def test_the_first_pane_of_no_release_is_steady() -> None:
    story = Story()
    story.play(OLD)
    assert story.judge.state.models["m"].phase == "steady"


def test_a_model_is_in_the_phase_of_its_most_urgent_release() -> None:
    story = rolled_back(THRESHOLD + CANARY)
    story.play(BAD_NEWS | {"v3": (99, 1)})
    assert story.release_of("v3").phase == "rolling_out"
    assert story.judge.state.models["m"].phase == "rolled_back"
