"""What the sink took is stored once, or the epoch does not count; whatever the broker goes through."""

import threading
import time
from collections.abc import Sequence

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.testing import TestingSource, cluster_main

from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import NotDelivered
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer, KafkaProducerSink
from tests.integration.conftest import MakeTopic
from tests.integration.kafka_broker import TestBroker
from tests.integration.ports import free_ports
from tests.integration.reading import opened, read_all, values_of

pytestmark = pytest.mark.integration


@pytest.fixture
def nobody() -> KafkaConfig:
    return KafkaConfig(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}")


def stored(config: KafkaConfig, topic: str, partition: int = 0) -> list[bytes]:
    with opened(config, topic, partition=partition) as reader:
        return values_of(read_all(reader))


def as_it_is(message: KafkaMessage) -> tuple[KafkaMessage]:
    return (message,)


def flow_into(sink: KafkaProducerSink[KafkaMessage], messages: Sequence[KafkaMessage]) -> Dataflow:
    flow = Dataflow("test")
    items = op.input("input", flow, TestingSource([("0", message) for message in messages], batch_size=100))
    op.output("output", items, sink)
    return flow


def run(flow: Dataflow) -> None:
    cluster_main(flow, [], 0)  # type: ignore[no-untyped-call]  # A native function.


def numbered(topic: str, count: int, key: bytes | None = None) -> list[KafkaMessage]:
    return [KafkaMessage(topic, key, b"%d" % number) for number in range(count)]


def with_settings(config: KafkaConfig, **settings: str) -> KafkaConfig:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return KafkaConfig(bootstrap_servers=config.bootstrap_servers, settings=named)


def test_a_dataflow_stores_everything_once_and_a_key_in_order(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic(4)
    run(flow_into(KafkaProducerSink(kafka_config, as_it_is), numbered(topic, 5_000, key=b"checkout")))
    assert [values for partition in range(4) if (values := stored(kafka_config, topic, partition))] == [
        [b"%d" % number for number in range(5_000)]
    ]


def test_without_a_broker_the_dataflow_stops_at_the_deadline(nobody: KafkaConfig) -> None:
    sink = KafkaProducerSink(nobody, as_it_is, deadline_s=1.0)
    began = time.monotonic()
    with pytest.raises(BytewaxRuntimeError) as caught:
        run(flow_into(sink, numbered("rollguard.control", 3)))
    assert time.monotonic() - began >= 1.0
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, NotDelivered):
        cause = cause.__cause__
    assert cause is not None
    assert cause.count == 3
    assert "Connection refused" in str(cause)


def test_nothing_is_sent_after_a_failure_and_everything_once_when_repeated(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic()
    part = KafkaProducerSink(kafka_config, as_it_is, deadline_s=1.0).build_part("", "0", None)
    kafka.kill()
    part.write_batch(numbered(topic, 100))
    with pytest.raises(NotDelivered):
        part.snapshot()
    kafka.start()
    part.close()
    again = KafkaProducerSink(kafka_config, as_it_is).build_part("", "0", None)
    again.write_batch(numbered(topic, 100))
    again.snapshot()
    again.close()
    assert stored(kafka_config, topic) == [b"%d" % number for number in range(100)]


def test_a_broker_killed_under_the_producer_stores_everything_once_and_in_order(
    kafka: TestBroker, kafka_config: KafkaConfig, make_topic: MakeTopic
) -> None:
    topic = make_topic()
    producer = KafkaProducer(kafka_config)
    back = threading.Thread(target=kafka.start)
    for number in range(60_000):
        if number == 30_000:
            kafka.kill()
            back.start()
        producer.send(KafkaMessage(topic, None, b"%d %s" % (number, bytes(200))))
    producer.flush()
    back.join()
    assert [int(value.split(b" ")[0]) for value in stored(kafka_config, topic)] == list(range(60_000))


def test_a_full_queue_is_waited_for(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    topic = make_topic()
    producer = KafkaProducer(with_settings(kafka_config, queue_buffering_max_messages="10"))
    for message in numbered(topic, 500):
        producer.send(message)
    producer.flush()
    assert len(stored(kafka_config, topic)) == 500


def test_a_queue_that_stays_full_is_an_error(nobody: KafkaConfig) -> None:
    producer = KafkaProducer(with_settings(nobody, queue_buffering_max_messages="10"), deadline_s=0.3)
    *fitting, last = numbered("rollguard.control", 11)
    for message in fitting:
        producer.send(message)
    # Whichever is noticed first: that there is still no room, or that those before were not sent in time.
    with pytest.raises(NotDelivered, match=r"Queue full|timed out"):
        producer.send(last)


def test_closing_sends_nothing(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    """The engine closes a sink also while it crashes, and then the epoch of its messages does not count."""
    topic = make_topic()
    slow = KafkaProducer(with_settings(kafka_config, linger_ms="20000"))
    for message in numbered(topic, 10):
        slow.send(message)
    slow.close()
    del slow
    producer = KafkaProducer(kafka_config)
    producer.send(KafkaMessage(topic, None, b"after"))
    producer.flush()
    assert stored(kafka_config, topic) == [b"after"]


def test_a_message_that_is_too_large_is_an_error(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    producer = KafkaProducer(kafka_config)
    with pytest.raises(NotDelivered, match=r"1 messages not delivered .* too large"):
        producer.send(KafkaMessage(make_topic(), None, bytes(2_000_000)))


def test_an_unknown_topic_is_an_error(kafka_config: KafkaConfig) -> None:
    producer = KafkaProducer(with_settings(kafka_config, topic_metadata_propagation_max_ms="500"))
    producer.send(KafkaMessage("no-such-topic", None, b"x"))
    with pytest.raises(NotDelivered, match=r"[Uu]nknown topic"):
        producer.flush()
