"""Whose clock sets the timestamps of a topic's messages: the broker's or the writer's."""

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]  # Untyped.

from operators.connectors.kafka.client import TIMEOUT_S, Complaints, open_kafka
from operators.connectors.kafka.config import KafkaConfig, client_settings

TYPE = "message.timestamp.type"
BROKERS = "LogAppendTime"
UNKNOWN = "unknown"  # The brokers do not say: only users who may describe the topic's settings may ask.


def timestamp_types(config: KafkaConfig, topics: Sequence[str], timeout_s: float = TIMEOUT_S) -> Mapping[str, str]:
    """Return for each topic LogAppendTime (the broker's clock), CreateTime (the writer's), or unknown. Blocks."""
    admin = open_kafka(AdminClient, client_settings(config), Complaints(config.bootstrap_servers))
    wanted = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    found = dict.fromkeys(topics, UNKNOWN)
    for resource, future in admin.describe_configs(wanted, request_timeout=timeout_s).items():
        try:
            found[resource.name] = future.result()[TYPE].value
        except (KafkaException, KeyError):
            continue  # Other code finds out whether the topic, or any broker, exists.
    return found
