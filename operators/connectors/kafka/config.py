"""How the brokers are reached: their addresses and any setting of librdkafka, which speaks to them."""

from collections.abc import Mapping

import msgspec

PREFIX = "ROLLGUARD_KAFKA__"
BROKERS = "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS"
NAMED_BROKERS = ("bootstrap.servers", "metadata.broker.list")

# The settings that exactly-once reading and writing depend on, with librdkafka's aliases.
OURS = frozenset(
    {
        *NAMED_BROKERS,
        "acks",
        "auto.commit.enable",
        "auto.offset.reset",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "isolation.level",
        "message.timeout.ms",
        "request.required.acks",
        "transactional.id",
    }
)


class KafkaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`settings` are librdkafka's, by its own names; ValueError if one of them is not for the user to choose.

    `group` names the worker to lag tools; it is never joined.
    """

    bootstrap_servers: str
    settings: dict[str, str] = {}
    group: str = "rollguard"

    def __post_init__(self) -> None:
        for name in sorted(OURS & self.settings.keys()):
            why = f"is {BROKERS} here" if name in NAMED_BROKERS else "cannot be set, because results depend on it"
            raise ValueError(f"{variable(name)}: {name} {why}")

    def __repr__(self) -> str:
        # The values may be secrets.
        return f"KafkaConfig({self.bootstrap_servers!r}, settings={sorted(self.settings)}, group={self.group!r})"


def librdkafka_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of librdkafka that an environment names.

    >>> librdkafka_settings({"ROLLGUARD_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "ROLLGUARD_POLICY": "p.toml"})
    {'security.protocol': 'SASL_SSL'}
    """
    # Its names are all lower-case letters, digits and dots, so that nothing is lost.
    return {
        name.removeprefix(PREFIX).lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }


def variable(setting: str) -> str:
    """Return the environment variable of a setting of librdkafka.

    >>> variable("sasl.password")
    'ROLLGUARD_KAFKA__SASL_PASSWORD'
    """
    return PREFIX + setting.replace(".", "_").upper()


def client_settings(config: KafkaConfig) -> dict[str, str | int | bool]:
    """Return the settings of every client: the user's own win."""
    return {
        "client.id": "rollguard",
        # A broker that is back is found within 2 s, and one that stays away is not asked twenty times a second.
        "reconnect.backoff.max.ms": 2_000,
        **config.settings,
        "bootstrap.servers": config.bootstrap_servers,
    }


def reader_settings(config: KafkaConfig) -> dict[str, str | int | bool]:
    """Return the settings of a consumer of one partition, of which each worker has many."""
    return {
        # By default 64 MiB per consumer are read ahead, and after that the next fetch waits for a second.
        "queued.max.messages.kbytes": 16_384,
        "fetch.queue.backoff.ms": 5,
        # A partition that waits for slower ones is not polled, which says nothing about our health.
        "max.poll.interval.ms": 86_400_000,
        **client_settings(config),
        # librdkafka requires a group, even if partitions are assigned.
        "group.id": config.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }


def producer_settings(config: KafkaConfig, deadline_s: float, *, gapless: bool = False) -> dict[str, str | int | bool]:
    """Return the settings of a producer that gives a message up after `deadline_s`.

    If `gapless`, it gives up no message without all that come after it: none by itself, and a message that the brokers
    refuse ends it.
    """
    return {
        "compression.type": "lz4",
        # More than an epoch holds; beyond it the producer waits instead of filling the memory.
        "queue.buffering.max.kbytes": 131_072,
        **client_settings(config),
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": 0 if gapless else round(deadline_s * 1000),
        # Only where it is needed: the client warns that it is experimental.
        **({"enable.gapless.guarantee": True} if gapless else {}),
    }
