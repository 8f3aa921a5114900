"""The control side from outside on a real Kafka: what is followed, done once, pinned, and sent."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import TopicPartition
from typer.testing import CliRunner, Result

from flows import cli
from gateway.pins import PinTable
from operators.connectors.control.command_topic import send_to_topic
from operators.connectors.control.follower import WrittenEvent
from operators.connectors.control.topic import TopicFollower
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import UnknownTopic
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.wire.control import ControlEvent
from operators.wire.signing import signature_fault
from tests.control_samples import event, line
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import TestBroker
from tests.integration.reading import opened, read_all, values_of

pytestmark = pytest.mark.integration

KEY = "a key of sixteen characters or more"
WAIT_S_MAX = 300.0

Control = Callable[..., Result]


def say(config: KafkaConfig, topic: str, *events: ControlEvent | bytes) -> None:
    producer = KafkaProducer(config)
    for each in events:
        body = each if isinstance(each, bytes) else line(each).strip()
        key = b"m" if isinstance(each, bytes) else each.model.encode()
        producer.send(KafkaMessage(topic, key, body))
    producer.flush()
    producer.close()


def take(follower: TopicFollower, count: int = 0) -> list[WrittenEvent]:
    """Read to the end, and until so many have come."""
    deadline = time.monotonic() + WAIT_S_MAX
    said: list[WrittenEvent] = []
    while len(said) < count or not follower.at_end:
        assert time.monotonic() < deadline, said
        said += follower.read()
    return said


@pytest.fixture
def topic(make_topic: MakeTopic) -> str:
    return make_topic(2)


@pytest.fixture
def control(kafka_config: KafkaConfig, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Control:
    """Runs `rollguard control ...` on a control and a command topic that are the same one."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROLLGUARD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS", kafka_config.bootstrap_servers)
    monkeypatch.setenv("ROLLGUARD_CONTROL_TOPIC", topic)
    monkeypatch.setenv("ROLLGUARD_COMMANDS_TOPIC", topic)
    return lambda *words: CliRunner().invoke(cli.app, ["control", *map(str, words)])


def test_all_partitions_are_followed_and_positions_go_on(kafka_config: KafkaConfig, topic: str) -> None:
    models = [f"m{number}" for number in range(8)]
    say(kafka_config, topic, *(event(1, "v1", model=model) for model in models))
    follower = TopicFollower(kafka_config, topic, "beginning")
    said = take(follower, len(models))
    assert {each.source for each in said} == {f"{topic}/0", f"{topic}/1"}
    table = PinTable()
    assert all(table.take(each.body) for each in said)
    assert sorted(table.states) == models
    positions = follower.positions
    follower.close()
    say(kafka_config, topic, event(2, "v0", model="m0"))
    again = TopicFollower(kafka_config, topic, "beginning", positions)
    (new,) = take(again, 1)
    again.close()
    assert table.take(new.body)
    assert table.pin("m0") == "v0"
    assert new.next == positions[new.source] + 1


def test_from_the_end_only_what_is_new_comes(kafka_config: KafkaConfig, topic: str) -> None:
    say(kafka_config, topic, event(1))
    follower = TopicFollower(kafka_config, topic, "end")
    assert take(follower) == []
    say(kafka_config, topic, event(2))
    assert [each.body for each in take(follower, 1)] == [line(event(2)).strip()]
    follower.close()


def test_what_was_deleted_meanwhile_is_passed_over(kafka: TestBroker, kafka_config: KafkaConfig, topic: str) -> None:
    say(kafka_config, topic, *(event(number) for number in range(6)))
    (place,) = {each.source for each in _all(kafka_config, topic)}
    partition = int(place.rpartition("/")[2])
    admin = kafka.admin()
    (future,) = admin.delete_records([TopicPartition(topic, partition, 4)]).values()
    future.result()
    follower = TopicFollower(kafka_config, topic, "beginning", {place: 1})
    assert [each.next for each in take(follower, 2)] == [5, 6]
    follower.close()


def test_a_topic_that_is_not_there_is_told(kafka_config: KafkaConfig) -> None:
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        TopicFollower(kafka_config, "no-such-topic", "beginning")
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        send_to_topic(kafka_config, "no-such-topic", "m", b"{}")


def test_a_program_runs_once_per_event_also_over_restarts_and_repeats(
    control: Control, kafka_config: KafkaConfig, topic: str, tmp_path: Path
) -> None:
    """A worker that goes on from its last epoch sends events again; a zombie sends what no one may obey."""
    hook = tmp_path / "hook.py"
    hook.write_text("import os\nopen('done', 'a').write(os.environ['ROLLGUARD_EVENT_ID'] + ' ')")
    follow = ("follow", "--until-end", "--exec", f"{sys.executable} {hook}")
    say(kafka_config, topic, event(1, "v1"), b"no event", event(2, "v1", "recovered"))
    first = control(*follow)
    assert (first.exit_code, first.stderr.count("no control event")) == (0, 1)
    assert control(*follow).stdout == ""
    say(kafka_config, topic, event(2, "v1", "recovered"), event(1, "v0", id="of-a-zombie"), event(3, None, "promote"))
    assert control(*follow).exit_code == 0
    assert (tmp_path / "done").read_text().split() == ["e1", "e2", "e3"]
    pins = msgspec.json.decode(control("pins", "--format", "json").stdout)
    assert (pins["m"]["revision"], pins["m"]["pin"]) == (3, None)


def test_a_follower_in_a_process_of_its_own_sees_events_as_they_come(
    control: Control, kafka_config: KafkaConfig, topic: str
) -> None:
    program = "from flows.cli import main; main()"
    command = [sys.executable, "-c", program, "control", "follow", "--from", "beginning", "--format", "json"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            for number in (1, 2):
                say(kafka_config, topic, event(number))
                assert process.stdout.readline() == line(event(number))
            process.terminate()
            assert process.wait(WAIT_S_MAX) == 0
        finally:
            process.kill()


def test_commands_arrive_signed_and_by_model(
    control: Control, kafka_config: KafkaConfig, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLGUARD_COMMAND_KEY", KEY)
    ids = []
    for words in (
        ["override", "m", "v2"],
        ["override", "m", "v2", "--revoke"],
        ["silence", "--rule", "r", "--for", "1h"],
    ):
        result = control(*words)
        assert result.exit_code == 0, result.output
        ids.append(result.stdout.strip())
    said = _all(kafka_config, topic)
    assert sorted(msgspec.json.decode(each.body)["id"] for each in said) == sorted(ids)
    assert [signature_fault(each.body, KEY) for each in said] == [None] * 3
    overrides = [each for each in said if b'"override"' in each.body]
    assert len({each.source for each in overrides}) == 1
    assert [msgspec.json.decode(each.body)["revoked"] for each in overrides] == [False, True]
    with opened(kafka_config, topic, partition=int(overrides[0].source.rpartition("/")[2])) as reader:
        assert overrides[0].body in values_of(read_all(reader))


@pytest.mark.parametrize("words", [["pins"], ["follow", "--until-end"], ["ack", "m", "e1"]])
def test_a_missing_topic_is_one_line(control: Control, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setenv("ROLLGUARD_CONTROL_TOPIC", "no-such-topic")
    monkeypatch.setenv("ROLLGUARD_COMMANDS_TOPIC", "no-such-topic")
    result = control(*words)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "has no topic no-such-topic" in result.stderr


def _all(config: KafkaConfig, topic: str) -> list[WrittenEvent]:
    follower = TopicFollower(config, topic, "beginning")
    try:
        return take(follower)
    finally:
        follower.close()
