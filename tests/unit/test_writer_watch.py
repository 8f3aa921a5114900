"""Another worker that writes of our models is told of; one that we took over from, or that has others, is not."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from flows.pulse import Pulse
from flows.recovery.identity import store_id
from flows.writer_watch import FORGET_S, WriterWatch
from operators.connectors.control.follower import WrittenEvent
from operators.metrics import Metrics
from operators.release.writers import MODELS_MAX, Rivals, Turns


class World:
    """A watch that began when the control topic held ten messages."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pulse, self.metrics = Pulse(), Metrics(CollectorRegistry())
        self.watch = WriterWatch("ours", {"control/0": 10}, self.pulse, self.metrics, clock=lambda: self.now)

    def take(self, at: int, model: str, writer: str) -> int:
        """How many events of rivals are counted then."""
        self.watch.take(WrittenEvent("control/0", at, b"{}", model, writer))
        text = self.metrics.text().decode()
        return int(float(text.partition("\nrollguard_rival_events_total ")[2].split()[0]))


def test_a_worker_that_was_taken_over_from_is_no_rival() -> None:
    world = World()
    assert [world.take(3, "m", "theirs"), world.take(11, "m", "ours"), world.take(12, "m", "ours")] == [0, 0, 0]
    assert world.pulse.notes == []


@pytest.mark.parametrize("before", [3, 11])
def test_another_worker_that_writes_of_a_model_of_ours_is_told_of(
    before: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether our last event of the model was before this start or after it."""
    world = World()
    world.take(before, "m", "ours")
    assert world.take(12, "n", "theirs") == 0, "it may have models of its own"
    assert world.take(13, "m", "theirs") == 1
    assert world.take(14, "m", "theirs") == 2
    assert world.pulse.notes == ["another worker, theirs, writes of model m to the control topic"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    world.now = FORGET_S + 1.0
    world.watch.look()
    assert world.pulse.notes == []


def test_a_worker_that_was_there_first_is_told_of_with_our_first_event() -> None:
    world = World()
    assert world.take(11, "m", "") == 0
    assert world.take(12, "m", "ours") == 1
    assert "without an id" in world.pulse.notes[0]


def test_workers_of_other_models_that_read_the_same_inputs_are_no_rivals() -> None:
    """Both tell of inputs, in the name of no model; those of one model are told of as ever."""
    world = World()
    said = [("", "ours"), ("", "theirs"), ("m", "ours"), ("n", "theirs"), ("", "ours"), ("", "theirs")]
    assert [world.take(at, *each) for at, each in enumerate(said, 11)] == [0] * 6
    assert world.pulse.notes == []
    turns = Turns()
    assert [turns.take("", writer) for writer in ("ours", "theirs", "ours", "theirs")] == [None] * 4
    assert world.take(20, "n", "ours") == 1


def test_what_is_remembered_is_bounded() -> None:
    turns, rivals = Turns(), Rivals("ours")
    for number in range(MODELS_MAX + 5):
        turns.take(f"m{number}", "ours")
        rivals.take(f"m{number}", "ours")
    assert turns.take("m0", "theirs") is None
    assert rivals.take("m0", "theirs") is None
    assert turns.take("m7", "theirs") is not None
    assert rivals.take("m7", "theirs") == "theirs"


def test_a_store_keeps_its_id(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    id_ = store_id(tmp_path / "one")
    assert len(id_) == 12
    assert store_id(tmp_path / "one") == id_
    assert store_id(tmp_path / "other") != id_
    assert [path.name for path in (tmp_path / "one").iterdir()] == [".id"]
