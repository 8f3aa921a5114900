"""Whatever comes in, a control event stays below the size that brokers take, and says what was left out of it."""

import json
from typing import Any

import msgspec
import pytest

from operators.ingest.formats.origin import Reject
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.release.event_writer import EventWriter
from operators.release.phase_states import RollingOut
from operators.release.state import ReleaseState
from operators.wire.control import EVENT_BYTES_MAX, Affected, ControlEvent, Evidence, Refusal
from operators.wire.events import Scalar
from operators.wire.fitting import SEALED_BYTES, fitted
from operators.wire.sealing import SealingKey, seal
from tests.control_samples import event
from tests.dataflows.making import POLICY, START_MS, received
from tests.releasing import BAD_NEWS, GOOD_NEWS, OLD, Story, release

LONG = "x" * 600_000
WORST = "\x00" * 128  # JSON takes six bytes for each.


def size(event: ControlEvent) -> int:
    return len(msgspec.json.encode(event))


def said_of(*bodies: object) -> tuple[list[Refusal], list[Reject]]:
    """What is told of refused commands, and their dead letters."""
    one = Partition("commands", "commands", ("commands",), parse(POLICY))
    batch = one.take(received([json.dumps(body).encode() for body in bodies]))
    said = [each for _, item in batch.inputs for _, each in item.commands]
    return [each for each in said if isinstance(each, Refusal)], batch.rejects


def command(**fields: Any) -> dict[str, Any]:
    return {"type": "ack", "id": "a", "ts": START_MS, "model": "m", "event": "e"} | fields


@pytest.mark.parametrize("model", [LONG, "x" * 129, "", 7, None])
def test_what_can_be_no_name_of_a_model_is_not_taken_for_one(model: object) -> None:
    refusals, _ = said_of(command(model=model, event=""))
    assert [each.model for each in refusals] == [""]


def test_a_name_that_can_be_one_is_kept() -> None:
    refusals, _ = said_of(command(event=""))
    assert [each.model for each in refusals] == ["m"]


@pytest.mark.parametrize("wrong", [command(type=LONG), command(model=LONG), {**command(), "ts": LONG}, {LONG: 1}])
def test_what_is_told_of_a_refused_command_is_cut(wrong: dict[str, Any]) -> None:
    """The decoder quotes the type that it does not know."""
    refusals, rejects = said_of(wrong)
    assert [len(refusals[0].detail) < 500, len(rejects[0].detail) < 500] == [True, True]
    story = Story().settled()
    (told,) = story.pane(OLD, said=refusals)
    assert size(told) < 4_000
    assert told.reason.startswith("a command was refused")


def test_many_refused_commands_of_one_message_are_told_of_at_once() -> None:
    """A million would be as many entries of a shard's state, and models that never were as many models."""
    refusals, rejects = said_of([command(model=f"m{number % 50}", event="") for number in range(900)])
    assert len(rejects) == 900
    assert len(refusals) == 11
    assert sum(each.count for each in refusals) == 900
    assert {each.model for each in refusals} == {"", *(f"m{number}" for number in range(10))}


def test_all_that_were_refused_are_counted() -> None:
    refusals, _ = said_of([command(event="")] * 30, [command(event="")] * 12)
    (told,) = Story().settled().pane(OLD, said=refusals)
    assert told.reason.startswith("42 commands were refused (out_of_range)")


def test_large_metadata_is_told_as_far_as_there_is_room() -> None:
    """10 MB: one long value, and ten thousand short ones."""
    new: dict[str, Scalar | dict[str, Scalar | None] | None] = {
        "prompt": LONG,
        **{f"n{number:05}": "y" * 1_000 for number in range(10_000)},
    }
    story = Story().settled()
    story.play(GOOD_NEWS, said=[release(metadata={"candidate": new, "baseline": {"prompt": f"{LONG}!"}})])
    told = story.until("rollback", BAD_NEWS)
    assert size(told) < EVENT_BYTES_MAX - SEALED_BYTES
    assert len(told.diff) + told.diff_more == 10_001
    assert len(told.diff) > 100
    assert next(iter(told.diff)) == "n00000"


def test_long_values_that_differ_only_at_their_end_still_differ() -> None:
    story = Story().settled()
    story.play(OLD, said=[release(metadata={"candidate": {"prompt": f"{LONG}b"}, "baseline": {"prompt": f"{LONG}a"}})])
    old, new = story.until("rollback", BAD_NEWS).diff["prompt"]
    assert old != new
    assert str(old).startswith("xxx")


def test_metadata_is_kept_as_small_as_it_is_told() -> None:
    """The release is saved for as long as its candidate is known."""
    body = {"type": "release", "id": "r", "ts": START_MS, "model": "m", "candidate": "v2", "baseline": "v1"}
    metadata = {"candidate": {"prompt": LONG, "same": LONG}, "baseline": {"same": LONG}}
    one = Partition("commands", "commands", ("commands",), parse(WIDE))
    batch = one.take(received([json.dumps(body | {"metadata": metadata}).encode()]))
    (said,) = [each for _, item in batch.inputs for _, each in item.commands]
    assert len(msgspec.json.encode(said)) < 1_000


WIDE = POLICY.replace("[dead_letters]", "[dead_letters]\nmessage_bytes_max = 16777216")


def slices(count: int) -> tuple[Affected, ...]:
    evidence = Evidence(sli="ok", good=10**9, bad=10**9, value=1 / 3, lower=1 / 7, upper=2 / 3, log_e=1e3 / 7)
    return tuple(Affected(slice=f"region={WORST},segment={n}", verdict="BAD", evidence=evidence) for n in range(count))


def test_the_worst_of_many_slices_are_said_and_the_others_counted() -> None:
    told = fitted(event(1, slices=slices(5_000)))
    assert EVENT_BYTES_MAX * 0.98 < size(told) <= EVENT_BYTES_MAX - SEALED_BYTES
    assert told.slices == slices(5_000)[: len(told.slices)]
    assert len(told.slices) + told.slices_more == 5_000
    assert fitted(told) == told


def test_an_event_of_an_ordinary_size_is_left_as_it_is() -> None:
    plain = event(1, "v1", slices=slices(20), diff={"a": ("b", 1.0)}, reason="because", runbook="r.md")
    assert fitted(plain) == plain
    assert b"_more" not in msgspec.json.encode(plain)


def test_all_at_once_stays_below_the_size_with_a_signature() -> None:
    """By construction: every field that can be long is at its longest."""
    metadata: dict[str, Scalar | dict[str, Scalar | None] | None] = {
        f"{WORST}{number}": "\x00" * 10**5 for number in range(1_000)
    }
    said = release(metadata={"candidate": metadata})
    current = ReleaseState(candidate=WORST, baseline=WORST, since=0, declared=said, state=RollingOut())
    told = EventWriter(model=WORST, pin=WORST).say(
        "rollback", current, ts=START_MS, policy="p" * 64, version=WORST, rule="r" * 64, severity="page",
        reason="\x00" * 10**6, runbook="\x00" * 10**6, slices=slices(5_000),
        evidence=Evidence(reason="\x00" * 10**6), barred=(WORST,) * 1_000,
    )  # fmt: skip
    sealed = seal(told, SealingKey("k" * 64, "s" * 16))
    assert len(sealed) <= EVENT_BYTES_MAX
    assert (told.slices_more > 4_000, told.diff_more > 500) == (True, True)
