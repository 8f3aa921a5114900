"""Files arrive in a topic whole, in order, and where their keys say."""

import gzip
import itertools
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from backports import zstd

from flows.produce import Options, run
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import NotDelivered, UnknownTopic
from operators.connectors.stop import Stop
from tests.integration.conftest import MakeTopic
from tests.integration.reading import opened, read_all, values_of

pytestmark = pytest.mark.integration

MODELS = ("checkout", "search", "ads")
EVENTS = [
    {"request_id": f"r-{number}", "ts": 1_763_700_000_000 + number, "model": MODELS[number % 3], "version": "v1"}
    for number in range(1_000)
]
LINES = [msgspec.json.encode(event) for event in EVENTS]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def stored(config: KafkaConfig, topic: str, partitions: int) -> list[list[bytes]]:
    """What each partition holds."""
    found = []
    for partition in range(partitions):
        with opened(config, topic, partition=partition) as reader:
            found.append(values_of(read_all(reader)))
    return found


def test_events_without_a_key_take_turns(kafka_config: KafkaConfig, make_topic: MakeTopic, file: Path) -> None:
    topic = make_topic(4)
    done = run([file], kafka_config, Options(topic=topic), Stop())
    assert (done.events, done.messages) == (1_000, 1_000)
    assert stored(kafka_config, topic, 4) == [LINES[place::4] for place in range(4)]


def test_compressed_files_are_read_one_after_the_other(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    files = [tmp_path / "a.ndjson.gz", tmp_path / "b.ndjson.zst"]
    files[0].write_bytes(gzip.compress(b"\n".join(LINES[:400])))
    files[1].write_bytes(zstd.compress(b"\n".join(LINES[400:]) + b"\n\n"))
    assert run(files, kafka_config, Options(topic=topic), Stop()).events == 1_000
    assert stored(kafka_config, topic, 1) == [LINES]


@pytest.mark.parametrize("batch", [1, 7])
def test_a_model_stays_in_one_partition_and_in_order(
    kafka_config: KafkaConfig, make_topic: MakeTopic, file: Path, batch: int
) -> None:
    topic = make_topic(2)
    run([file], kafka_config, Options(topic=topic, key="model", batch=batch), Stop())
    partitions = stored(kafka_config, topic, 2)
    places: dict[str, set[int]] = {}
    for place, values in enumerate(partitions):
        events = list(itertools.chain.from_iterable(_events(value) for value in values))
        for event in events:
            places.setdefault(event["model"], set()).add(place)
        for model in MODELS:
            times = [event["ts"] for event in events if event["model"] == model]
            assert times == sorted(times)
    assert all(len(where) == 1 for where in places.values())
    assert sorted(_events_of(partitions), key=lambda event: event["ts"]) == EVENTS


def test_a_batch_is_an_array_and_the_last_one_may_be_short(
    kafka_config: KafkaConfig, make_topic: MakeTopic, file: Path
) -> None:
    topic = make_topic(3)
    done = run([file], kafka_config, Options(topic=topic, batch=300, partition=2), Stop())
    assert (done.events, done.messages) == (1_000, 4)
    nothing, neither, values = stored(kafka_config, topic, 3)
    assert nothing == neither == []
    assert [len(_events(value)) for value in values] == [300, 300, 300, 100]
    assert _events_of([values]) == EVENTS


def test_a_batch_is_no_larger_than_brokers_take(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    large = msgspec.json.encode({**EVENTS[0], "input": "x" * 200_000})
    file = tmp_path / "large.ndjson"
    file.write_bytes(b"\n".join([large] * 10))
    assert run([file], kafka_config, Options(topic=topic, batch=10), Stop()).messages == 3


def test_events_at_a_rate_happen_when_they_are_sent(
    kafka_config: KafkaConfig, make_topic: MakeTopic, file: Path
) -> None:
    topic = make_topic()
    before_ms = time.time() * 1000
    done = run([file], kafka_config, Options(topic=topic, rate=2_000, now=True), Stop())
    assert done.seconds > 0.49
    times = [event["ts"] for event in _events_of(stored(kafka_config, topic, 1))]
    assert times == sorted(times)
    assert before_ms - 1 <= times[0] <= times[-1] - 490 < time.time() * 1000
    ids = [event["request_id"] for event in _events_of(stored(kafka_config, topic, 1))]
    assert ids == [event["request_id"] for event in EVENTS]


def test_lines_that_are_no_events_are_sent_as_they_are(
    kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path
) -> None:
    topic = make_topic()
    lines = [b"{", b"\xff\xfe", b"[1]", b'{"model": 7}']
    file = tmp_path / "odd.ndjson"
    file.write_bytes(b"\n".join(lines))
    run([file], kafka_config, Options(topic=topic, key="model", now=True), Stop())
    (values,) = stored(kafka_config, topic, 1)
    assert values[:3] == lines[:3]
    assert msgspec.json.decode(values[3])["model"] == 7


def test_a_requested_stop_still_delivers_what_was_taken(
    kafka_config: KafkaConfig, make_topic: MakeTopic, file: Path
) -> None:
    topic = make_topic()
    stop = Stop()
    stop.request()
    assert run([file], kafka_config, Options(topic=topic), stop).events == 0


def test_what_cannot_be_delivered_is_an_error(kafka_config: KafkaConfig, make_topic: MakeTopic, tmp_path: Path) -> None:
    file = tmp_path / "huge.ndjson"
    file.write_bytes(bytes(2_000_000).replace(b"\0", b"x"))
    with pytest.raises(NotDelivered, match="too large"):
        run([file], kafka_config, Options(topic=make_topic()), Stop())
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        run([file], kafka_config, Options(topic="no-such-topic"), Stop())
    topic = make_topic(2)
    with pytest.raises(UnknownTopic, match=f"{topic}/2"):
        run([file], kafka_config, Options(topic=topic, partition=2), Stop())


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": float("nan")}, {"batch": 0}, {"partition": -1}])
def test_wrong_options_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]


def _events(value: bytes) -> list[dict[str, Any]]:
    decoded = msgspec.json.decode(value)
    return decoded if isinstance(decoded, list) else [decoded]


def _events_of(partitions: list[list[bytes]]) -> list[dict[str, Any]]:
    return [event for values in partitions for value in values for event in _events(value)]
