"""A law of releases: whatever is commanded and served, in whatever order, every version moves by the table alone.

Random sequences of commands, traffic, harm, silence and restarts are played to a Judge. What is said of a version at a
pane has to be what the transitions of a path from its phase before to its phase after say, in their order.
"""

import os
from collections.abc import Sequence
from random import Random

import pytest

from operators.release.transitions import TRANSITIONS, Phase
from operators.wire.commands import AnyCommand
from tests.releasing import BAD_NEWS, OLD, Counts, Story, kill, override, pin, release, rollback, unpin

VERSIONS = ("v1", "v2", "v3")
LOUD = ("rollback", "kill", "promote", "rollback_applied", "recovered", "rollback_ineffective")
SEEDS = range(200 if os.environ.get("ROLLGUARD_PROVE") == "1" else 8)
ROUNDS = 40


@pytest.mark.parametrize("seed", SEEDS)
def test_no_sequence_of_inputs_leaves_the_table(seed: int) -> None:
    random = Random(seed)
    story = Story(release='[release]\nsettle = "10s"\ndeadline = "1m"\ncooldown = "0s"\nknown = "1h"\n').settled()
    story.until("rollback", BAD_NEWS)
    story.until(random.choice(["rollback_applied", "recovered"]), OLD)
    for _ in range(ROUNDS):
        said = [command(random) for _ in range(random.choice([0, 1, 1, 2]))]
        counts: Counts = {version: served(random) for version in VERSIONS if random.random() < 0.6}
        for _ in range(random.randint(1, 12)):
            play(story, counts, said)
            said = []
        if random.random() < 0.1:
            story.restart()
        if random.random() < 0.05:
            story.next += random.randint(1, 400)


def command(random: Random) -> AnyCommand:
    one, other = random.sample(VERSIONS, 2)
    said: list[AnyCommand] = [release(one, other), override(one), override(one, True), kill(one), pin(one), unpin()]
    return random.choice([*said, rollback(one), rollback(one, other)])


def served(random: Random) -> tuple[int, int]:
    volume, rate = random.choice([(50, 1), (50, 1), (10, 40), (50, 90)])
    return volume - volume * rate // 100, volume * rate // 100


def play(story: Story, counts: Counts, said: Sequence[AnyCommand]) -> None:
    before = {version: story.phase(version) for version in VERSIONS}
    events = story.pane(counts, said=said)
    for version, phase in before.items():
        told = [event.type for event in events if event.version == version and event.type in LOUD]
        after = story.phase(version)
        assert leads(phase, after, told), f"{version}: {phase} to {after}, saying {told}"


def leads(phase: Phase, after: Phase, told: Sequence[str]) -> bool:
    """Tell whether transitions lead from one phase to another which say exactly this."""
    reached, new = {(phase, 0)}, {(phase, 0)}
    while new:
        steps = {
            (to, count + (kind in LOUD))
            for was, count in new
            for (of, _), (to, kind) in TRANSITIONS.items()
            if of == was and (kind not in LOUD or told[count : count + 1] == [kind])
        }
        new = steps - reached
        reached |= new
    return (after, len(told)) in reached


def test_the_law_sees_what_the_table_does_not_have() -> None:
    assert leads("rolled_back", "recovered", ["rollback_applied", "recovered"])
    assert not leads("rolled_back", "recovered", ["recovered", "rollback_applied"])
    assert not leads("recovered", "rolled_back", [])
