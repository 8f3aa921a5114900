"""What the brokers say of our topics: silence, a missing topic, one without a leader, one made again."""

import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bytewax.recovery import init_db_dir

from flows.pulse import Pulse
from flows.recovery.left_out import FILE
from flows.recovery.parts import StoreUnusable
from flows.recovery.saved import check_logs, saved_ids
from flows.topic_watch import TopicWatch
from operators.connectors.kafka.topics import Described
from operators.connectors.replaced import LogReplaced
from operators.connectors.stop import Stop
from operators.ingest.placing import PartitionState
from operators.ingest.position import SavedInput
from operators.policy_file.toml import parse
from operators.recovery import dumps
from tests.dataflows.making import POLICY
from tests.saving import without


class World:
    """A watch over brokers whose next answers the test gives."""

    def __init__(self, *answers: Described | None) -> None:
        self.now = 0.0
        self.stop = Stop()
        self.pulse = Pulse(clock=lambda: self.now)
        self.pulse.beat()
        self._answers = iter(answers)
        self.watch = TopicWatch(lambda: next(self._answers), {"events": "id1", "old": ""}, self.pulse, self.stop)

    def look(self) -> str | None:
        self.now += 10.0
        self.pulse.beat()
        self.watch.look()
        return self.pulse.unready


def told(ids: dict[str, str], missing: tuple[str, ...] = (), leaderless: tuple[str, ...] = ()) -> Described:
    return Described(ids=ids, missing=list(missing), leaderless=list(leaderless))


WELL = told({"events": "id1", "old": "id7"})


def test_brokers_that_do_not_answer_are_told_of_within_a_minute() -> None:
    world = World(WELL, *[None] * 4, WELL)
    assert [world.look() for _ in range(6)] == [
        None, None, None, None, "it is 40 s since a Kafka broker answered", None
    ]  # fmt: skip


def test_a_topic_that_vanished_makes_the_worker_unready() -> None:
    world = World(told({"events": "id1"}, missing=("rollguard.control",)), WELL)
    assert world.look() == "Kafka has no topic rollguard.control"
    assert world.look() is None
    assert not world.stop.requested


def test_a_partition_without_a_leader_for_long_makes_the_worker_unready() -> None:
    without = told({"events": "id1"}, leaderless=("events/3",))
    world = World(without, without, without, WELL)
    assert [world.look() for _ in range(4)] == [None, None, "no broker leads events/3", None]


def test_a_topic_made_again_stops_the_worker() -> None:
    world = World(WELL, told({"events": "id2", "old": "id7"}))
    world.look()
    assert not world.stop.requested
    world.look()
    assert world.stop.requested
    assert "events was deleted and made again" in str(world.stop.error)
    assert "--from beginning" in str(world.stop.error)
    assert "--recovery" in str(world.stop.error)


INSERT = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)"


def store(folder: Path, saved: dict[str, list[tuple[int, str | None]]]) -> list[Path]:
    """A recovery store that holds, by partition, the log's id of each epoch; None where nothing was read yet."""
    init_db_dir(folder, 2)  # type: ignore[no-untyped-call]
    parts = sorted(folder.glob("part-*.sqlite3"))
    for index, (name, epochs) in enumerate(saved.items()):
        with closing(sqlite3.connect(parts[index % 2])) as part:
            for epoch, id_ in epochs:
                state = None if id_ is None else SavedInput(position=3, state=PartitionState(), log_id=id_)
                change = pickle.dumps(dumps(state, parse(POLICY)))
                part.execute(INSERT, ("rollguard.input", name, epoch, change))
            part.commit()
    return parts


def test_a_store_says_which_logs_it_goes_on_with(tmp_path: Path) -> None:
    parts = store(tmp_path, {"a/0": [(1, None), (7, "id1")], "a/1": [(2, "")], "b/0": [(9, "id2"), (3, "id0")]})
    assert saved_ids(parts) == {"a/0": "id1", "a/1": "", "b/0": "id2"}
    check_logs(parts, {"a/0": "id1", "a/1": "id1", "b/0": "id2", "b/1": "id2"})
    with pytest.raises(LogReplaced, match="a/0 was deleted and made again: it has the id id9, and id1 was read"):
        check_logs(parts, {"a/0": "id9", "a/1": "id9", "b/0": "id2"})
    with pytest.raises(LogReplaced, match="a/1, b/0 was read before and is not there any more"):
        check_logs(parts, {"a/0": "id1"})


def test_a_topic_may_be_left_out_but_not_while_another_is_new(tmp_path: Path) -> None:
    parts = store(tmp_path, {"a/0": [(7, "id1")], "b/0": [(9, "id2")], "b/1": [(9, None)]})
    without, added = {"a/0": "id1"}, {"a/0": "id1", "c/0": "id3"}
    whole = without | {"b/0": "id2", "b/1": "id2"}
    for now in (added, {"a/0": "id1", "b/0": "id2"}):
        with pytest.raises(LogReplaced, match=r"b/1 was read before and is not there any more: .*left out at a start"):
            check_logs(parts, now)
    assert check_logs(parts, whole) == {}
    for now in (without, added, without):  # Once it is left out others may come.
        assert check_logs(parts, now) == {"b/0": "id2", "b/1": ""}
    assert check_logs(parts, whole) == {}
    with pytest.raises(LogReplaced, match="b/0, b/1 was read"):
        check_logs(parts, added)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(StoreUnusable, match="left-out"):
        check_logs(parts, without)


def test_a_store_of_before_ids_were_saved_loads() -> None:
    """Its states have fewer fields: they are filled in."""
    old = without(SavedInput(position=3, state=PartitionState()), "idle", "log_id")
    assert (old.position, old.idle, old.log_id) == (3, False, "")
