"""A partition is read as it was written: every message once, in order, whatever the broker goes through."""

import time
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer, TopicPartition

from operators.connectors.kafka.client import OffsetPublisher, new_partitions, partitions_of
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import OffsetGone, Refused, UnknownTopic, Unreachable, WrongSetting
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from operators.connectors.kafka.reader import BYTES_MAX, MESSAGES_MAX, KafkaReader
from operators.connectors.kafka.times import timestamp_types
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import PASSWORD, USER, TestBroker
from tests.integration.ports import free_ports
from tests.integration.reading import WAIT_S_MAX, count, opened, positions_of, read_all, read_until, values_of

pytestmark = pytest.mark.integration

LOG_APPEND = {"message.timestamp.type": "LogAppendTime"}


def produce(config: KafkaConfig, topic: str, values: Sequence[bytes], partition: int = 0) -> None:
    producer = KafkaProducer(config)
    for value in values:
        producer.send(KafkaMessage(topic, None, value, partition))
    producer.flush()


def test_every_message_once_and_in_order(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(2, **LOG_APPEND)
    sent = [b'{"n": %d}' % number for number in range(50_000)]
    before_ms = int(time.time() * 1000)
    produce(kafka_config, topic, sent, partition=1)
    with opened(kafka_config, topic, partition=1) as reader:
        batches = read_all(reader)
        assert reader.position == len(sent)
        assert reader.lag == 0
    assert values_of(batches) == sent
    assert positions_of(batches) == list(range(len(sent)))
    assert max(map(len, batches)) <= MESSAGES_MAX
    for batch in batches:
        assert batch.appended is not None
        assert batch.appended.all()
        assert batch.received_ms.shape == (len(batch),)
        assert before_ms - 1000 <= batch.received_ms.min() <= batch.received_ms.max() <= time.time() * 1000 + 1000


def test_whose_clock_a_message_has_is_told(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    """A topic may be changed while it is used: each message says it of itself."""
    names = make_topic(1, **LOG_APPEND), make_topic()
    types = timestamp_types(kafka_config, [*names, "there-is-none"])
    assert types == {names[0]: "LogAppendTime", names[1]: "CreateTime", "there-is-none": "unknown"}
    produce(kafka_config, names[1], [b"{}"] * 3)
    with opened(kafka_config, names[1]) as reader:
        (batch,) = read_all(reader)
    assert batch.appended is not None
    assert not batch.appended.any()


def test_large_messages_come_in_bounded_batches(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    large = bytes(500_000)
    produce(kafka_config, topic, [large] * 60)
    with opened(kafka_config, topic) as reader:
        batches = read_all(reader)
    assert count(batches) == 60
    assert max(len(batch) * len(large) for batch in batches) <= BYTES_MAX + 2 * len(large)


def test_at_end_until_the_next_message(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    producer = KafkaProducer(kafka_config)
    with opened(kafka_config, topic) as reader:
        assert read_all(reader) == []
        for number in range(3):
            producer.send(KafkaMessage(topic, None, b"%d" % number))
            producer.flush()
            assert values_of(read_until(reader, len)) == [b"%d" % number]
            read_all(reader)
            assert reader.position == number + 1


def test_a_resumed_reader_goes_on_where_the_last_one_stopped(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    produce(kafka_config, topic, [b"%d" % number for number in range(100)])
    with opened(kafka_config, topic, start=42) as reader:
        assert reader.position == 42
        assert values_of(read_all(reader))[0] == b"42"


def test_end_is_a_number_from_the_start(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    """A worker that is told to start at the end and restarts before it read anything misses nothing."""
    topic = make_topic()
    produce(kafka_config, topic, [b"old"] * 7)
    with opened(kafka_config, topic, "end") as reader:
        assert reader.position == 7
    produce(kafka_config, topic, [b"new"])
    with opened(kafka_config, topic, reader.position) as resumed:
        assert values_of(read_all(resumed)) == [b"new"]


def test_transactions_leave_gaps_between_positions(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    producer = Producer({"bootstrap.servers": kafka_config.bootstrap_servers, "transactional.id": topic})
    producer.init_transactions(WAIT_S_MAX)
    for number in range(4):
        producer.begin_transaction()
        for part in range(3):
            producer.produce(topic, b"%d.%d" % (number, part))
        if number == 1:
            producer.flush(WAIT_S_MAX)  # An aborted message that was not sent yet would leave no gap.
            producer.abort_transaction(WAIT_S_MAX)
        else:
            producer.commit_transaction(WAIT_S_MAX)
    with opened(kafka_config, topic) as reader:
        batches = read_all(reader)
        # The mark that ends a transaction has an offset, and is no message: the last one counts as read, too.
        assert reader.position == 16
        assert reader.lag == 0
    assert values_of(batches) == [b"%d.%d" % (number, part) for number in (0, 2, 3) for part in range(3)]
    assert positions_of(batches) == [0, 1, 2, 8, 9, 10, 12, 13, 14]


def test_a_message_without_a_value_is_empty_and_counted(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    producer = Producer({"bootstrap.servers": kafka_config.bootstrap_servers})
    for value in (None, b"", b"{}", None):
        producer.produce(topic, value, b"key")
    producer.flush(WAIT_S_MAX)
    with opened(kafka_config, topic) as reader:
        batches = read_all(reader)
    assert values_of(batches) == [b"", b"", b"{}", b""]
    assert sum(batch.tombstones for batch in batches) == 2


def test_an_expired_offset_says_what_there_is(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic()
    produce(kafka_config, topic, [b"x"] * 10)
    admin = kafka.admin()
    for future in admin.delete_records([TopicPartition(topic, 0, 6)]).values():
        future.result()
    with opened(kafka_config, topic, 5) as reader, pytest.raises(OffsetGone, match="offset 5") as caught:
        read_until(reader, len)
    assert reader.position == 5
    assert caught.value.available == (6, 10)
    assert "a new --recovery folder, and --from beginning or --from end" in str(caught.value)


def test_an_offset_of_the_future_does_not_exist(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    produce(kafka_config, topic, [b"x"] * 10)
    with opened(kafka_config, topic, 11) as reader, pytest.raises(OffsetGone) as caught:
        read_until(reader, len)
    assert caught.value.available == (0, 10)


def test_an_unknown_topic_is_named(kafka_config: KafkaConfig) -> None:
    with pytest.raises(UnknownTopic, match="no-such-topic"):
        partitions_of(kafka_config, ["no-such-topic"])
    with pytest.raises(UnknownTopic, match="no-such-topic/0"):
        KafkaReader(kafka_config, "no-such-topic", 0, "beginning")


@pytest.mark.parametrize("missing", ["topic", "partition"])
def test_an_unknown_place_to_resume_is_named(kafka_config: KafkaConfig, make_topic: MakeTopic, missing: str) -> None:
    """The client gives a new topic time to be known everywhere, by default 30 s."""
    hasty = KafkaConfig(
        bootstrap_servers=kafka_config.bootstrap_servers, settings={"topic.metadata.propagation.max.ms": "500"}
    )
    topic, partition = ("no-such-topic", 0) if missing == "topic" else (make_topic(), 7)
    with opened(hasty, topic, 0, partition) as reader, pytest.raises(UnknownTopic, match=f"{topic}/{partition}"):
        read_until(reader, len)


def test_a_broker_that_is_not_there_is_named_with_the_reason() -> None:
    nobody = KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(Unreachable, match=rf"{nobody.bootstrap_servers}: .*Connection refused"):
        partitions_of(nobody, ["inference.events"], timeout_s=5.0)


def guarded(kafka: TestBroker, password: str) -> KafkaConfig:
    settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": USER}
    return KafkaConfig(bootstrap_servers=kafka.guarded, settings=settings | {"sasl.password": password})


def test_the_right_password_opens(kafka: TestBroker, make_topic: MakeTopic) -> None:
    topic = make_topic()
    config = guarded(kafka, PASSWORD)
    produce(config, topic, [b"x"])
    with opened(config, topic) as reader:
        assert values_of(read_all(reader)) == [b"x"]


def test_a_wrong_password_is_refused_and_in_no_text(
    kafka: TestBroker, make_topic: MakeTopic, caplog: pytest.LogCaptureFixture
) -> None:
    config = guarded(kafka, "a-wrong-secret")
    with caplog.at_level("DEBUG", logger="rollguard"):
        with pytest.raises(Refused, match="Invalid username or password") as listing:
            partitions_of(config, ["inference.events"])
        with opened(config, make_topic(), 0) as reader, pytest.raises(Refused) as reading:
            read_until(reader, len)
    assert "a-wrong-secret" not in f"{listing.value!r} {reading.value!r} {caplog.text}"


def test_a_setting_that_librdkafka_refuses_is_named(kafka_config: KafkaConfig) -> None:
    wrong = KafkaConfig(bootstrap_servers=kafka_config.bootstrap_servers, settings={"securty.protocol": "ssl"})
    with pytest.raises(WrongSetting, match=r"securty\.protocol"):
        partitions_of(wrong, ["inference.events"])


def test_partitions_in_order_and_those_that_were_added(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    one, two = make_topic(3), make_topic(1)
    known = partitions_of(kafka_config, [one, two])
    assert known == [(one, 0), (one, 1), (one, 2), (two, 0)]
    assert new_partitions(kafka_config, [one, two], known) == []
    kafka.grow(two, 2)
    deadline = time.monotonic() + WAIT_S_MAX
    while not (added := new_partitions(kafka_config, [one, two], known)):
        assert time.monotonic() < deadline
    assert added == [(two, 1)]


def test_a_broker_killed_in_the_middle_loses_and_doubles_nothing(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic()
    first = [b"first %d %s" % (number, bytes(300)) for number in range(100_000)]
    second = [b"second %d" % number for number in range(1_000)]
    produce(kafka_config, topic, first)
    with opened(kafka_config, topic) as reader:
        batches = read_until(reader, lambda so_far: count(so_far) > 10_000)
        assert count(batches) < len(first), "nothing was left to be read"
        kafka.kill()
        # What was fetched before still comes; then nothing, no error, and no claim that this is the end.
        until = time.monotonic() + 1.0
        batches += read_until(reader, lambda _: time.monotonic() > until)
        kafka.start()
        produce(kafka_config, topic, second)
        total = len(first) + len(second) - count(batches)
        batches += read_until(reader, lambda so_far: count(so_far) >= total)
        assert reader.position == len(first) + len(second)
    assert values_of(batches) == first + second
    assert positions_of(batches) == list(range(len(first) + len(second)))


def test_offsets_are_published_for_lag_tools(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic(2)
    config = KafkaConfig(bootstrap_servers=kafka_config.bootstrap_servers, group=f"group-of-{topic}")
    publisher = OffsetPublisher(config)
    deadline = time.monotonic() + WAIT_S_MAX
    while kafka.committed(config.group) != {(topic, 0): 3, (topic, 1): 7}:
        assert time.monotonic() < deadline
        publisher.publish({(topic, 0): 3, (topic, 1): 7})


def test_offsets_that_cannot_be_published_are_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    publisher = OffsetPublisher(KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}"), timeout_s=0.5)
    with caplog.at_level("WARNING", logger="rollguard"):
        publisher.publish({("inference.events", 0): 3})
        deadline = time.monotonic() + WAIT_S_MAX
        while "not published" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_broker_that_is_away_does_not_say_that_this_is_the_end(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    """Otherwise a partition would be taken for idle while its messages cannot be fetched."""
    topic = make_topic()
    with opened(kafka_config, topic) as reader:
        read_all(reader)
        kafka.kill()
        reader.recheck()
        assert not reader.at_end
        until = time.monotonic() + 1.0
        assert read_until(reader, lambda _: time.monotonic() > until) == []
        assert not reader.at_end
        kafka.start()
        assert read_all(reader) == []


def test_asking_again_for_the_end_loses_and_doubles_nothing(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    sent = [b"%d" % number for number in range(2_000)]
    producer = KafkaProducer(kafka_config)
    came: list[bytes] = []
    with opened(kafka_config, topic) as reader:
        for number, value in enumerate(sent):
            producer.send(KafkaMessage(topic, None, value))
            if number % 20 == 0:
                producer.flush()
                came += reader.read().values
                reader.recheck()
        producer.flush()
        came += values_of(read_until(reader, lambda _: reader.at_end and reader.position == len(sent)))
    assert came == sent
