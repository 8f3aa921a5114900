"""What can go wrong with Kafka, and what a person can do about it.

    KafkaFailure
    ├── WrongSetting    librdkafka does not take a setting
    ├── Unreachable     nobody answers, or nobody whom we can understand
    ├── Refused         a broker answers, but not to us: user, password, access rights
    ├── UnknownTopic    there is no such topic or partition, or we may not see it
    ├── SeveralPartitions  a topic has more partitions than it may
    ├── OffsetGone      the messages to go on with do not exist (any more)
    │   └── LogCutOff   those before them are lost, and there may be others at their offsets
    ├── ReadFailed      messages are there that cannot be read
    └── NotDelivered    messages were not, or not surely, stored

No message holds a setting's value that could be a password.
"""

from confluent_kafka import KafkaError

from operators.connectors.kafka.config import variable


class KafkaFailure(Exception):
    pass


class WrongSetting(KafkaFailure):
    def __init__(self, why: str) -> None:
        example = variable("security.protocol")
        super().__init__(f"librdkafka refuses the settings: {why} (security.protocol is {example}, and so on)")


class Unreachable(KafkaFailure):
    def __init__(self, servers: str, why: str) -> None:
        super().__init__(f"no Kafka answers at {servers}: {why}")
        self.servers = servers


class Refused(KafkaFailure):
    def __init__(self, servers: str, why: str) -> None:
        super().__init__(f"Kafka at {servers} refuses: {why}")
        self.servers = servers


class UnknownTopic(KafkaFailure):
    def __init__(self, topic: str, servers: str) -> None:
        super().__init__(f"Kafka at {servers} has no topic {topic}, or does not let us see it")
        self.topic = topic


class SeveralPartitions(KafkaFailure):
    def __init__(self, topic: str, partitions: int) -> None:
        super().__init__(
            f"topic {topic} has {partitions} partitions, and must have one: commands are obeyed in the order in which "
            "they were given. Make a topic with one, and name it in ROLLGUARD_COMMANDS_TOPIC"
        )
        self.topic = topic


class OffsetGone(KafkaFailure):
    """`available` are the first offset that exists and the one after the last, or None if unknown."""

    words = "has no offset {} (any more){}. Going on elsewhere changes results"

    def __init__(self, topic: str, partition: int, offset: int, available: tuple[int, int] | None) -> None:
        there = "" if available is None else f"; there are offsets from {available[0]} to before {available[1]}"
        super().__init__(
            f"{topic}/{partition} {self.words.format(offset, there)}, so say where to start: a new --recovery folder, "
            "and --from beginning or --from end"
        )
        self.topic, self.partition, self.offset, self.available = topic, partition, offset, available


class LogCutOff(OffsetGone):
    """Brokers lost messages that had been read, for example by an unclean election or an older copy of a disk."""

    words = (
        "has lost messages before offset {}, up to which it was read, and may have others in their place{}. "
        "Going on would leave messages out"
    )


class ReadFailed(KafkaFailure):
    def __init__(self, topic: str, partition: int, position: int, why: str) -> None:
        super().__init__(f"{topic}/{partition} cannot be read from offset {position} on: {why}")
        self.topic, self.partition, self.position = topic, partition, position


class NotDelivered(KafkaFailure):
    def __init__(self, servers: str, count: int, why: str) -> None:
        super().__init__(f"{count} messages not delivered to Kafka at {servers}: {why}")
        self.servers, self.count = servers, count


# Errors of a whole client: retrying does not help until a person has changed something.
REFUSALS = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
    }
)

UNKNOWN = frozenset({KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART})

# Errors of a connection: until it is back there is no news.
LOST = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._TIMED_OUT, KafkaError._TRANSPORT})

# _LOG_TRUNCATION: brokers lost messages that were read before, and have others at their offsets now.
GONE = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION, KafkaError.OFFSET_OUT_OF_RANGE})

# Errors of one partition: librdkafka retries at the same offset. After any other error it may go on after the
# messages that it could not read.
PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
