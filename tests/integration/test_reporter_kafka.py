"""A reporter writes arrays into the topics, each item once, and gives up in time where no broker is."""

import json
import time

from gateway.outlets import KafkaOutlet
from gateway.reporter import Reporter
from operators.connectors.kafka.config import KafkaConfig
from tests.integration.conftest import MakeTopic
from tests.integration.ports import free_ports
from tests.integration.reading import opened, read_all, values_of


def test_what_is_reported_is_in_the_topics(kafka_config: KafkaConfig, make_topic: MakeTopic) -> None:
    events, feedback = make_topic(), make_topic()
    outlet = KafkaOutlet(kafka_config.bootstrap_servers, {"events": events, "feedback": feedback})
    with Reporter(outlet) as reporter:
        for number in range(250):
            reporter.request("m", "v", f"r{number}").end()
            reporter.feedback(f"r{number}", "thumbs", 1)
        reporter.close(60)
    assert reporter.counts == {"sent": 500, "dropped": 0, "lost": 0}
    for topic in (events, feedback):
        with opened(kafka_config, topic) as reader:
            arrays = [json.loads(value) for value in values_of(read_all(reader))]
        assert [item["request_id"] for array in arrays for item in array] == [f"r{number}" for number in range(250)]
        assert len(arrays) < 50


def test_without_a_broker_requests_are_served_and_items_are_counted_as_lost() -> None:
    (port,) = free_ports(1)
    outlet = KafkaOutlet(f"127.0.0.1:{port}", settings={"log_level": 0})
    reporter = Reporter(outlet, queue_max=100)
    began = time.monotonic()
    for _ in range(300):
        with reporter.request("m", "v"):
            pass
    assert time.monotonic() - began < 60.0  # To wait for a broker with each would take hours.
    reporter.close(timeout_s=1.5)
    assert time.monotonic() - began < 120.0  # The client itself gives up after five minutes.
    counts = reporter.counts
    assert counts["lost"] + counts["dropped"] == 300
    assert counts["lost"] > 0
