"""Settings reach librdkafka by their own names, secrets reach no text, and its log reaches ours in portions."""

import logging

import pytest

from operators.connectors.kafka.config import (
    KafkaConfig,
    client_settings,
    librdkafka_settings,
    producer_settings,
    reader_settings,
    variable,
)
from operators.connectors.kafka.log import EVERY_S, KafkaLog


def test_environment_names_become_settings_and_back() -> None:
    environment = {
        "ROLLGUARD_KAFKA__SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "https://id.example",
        "ROLLGUARD_KAFKA__SSL_CA_LOCATION": "/etc/ca.pem",
        "ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS": "b:9092",
        "PATH": "/bin",
    }
    settings = librdkafka_settings(environment)
    assert settings == {
        "sasl.oauthbearer.token.endpoint.url": "https://id.example",
        "ssl.ca.location": "/etc/ca.pem",
    }
    assert {variable(name) for name in settings} <= environment.keys()


@pytest.mark.parametrize("name", ["acks", "enable.auto.commit", "auto.offset.reset", "metadata.broker.list"])
def test_what_results_depend_on_cannot_be_set(name: str) -> None:
    with pytest.raises(ValueError, match=variable(name)):
        KafkaConfig(bootstrap_servers="b:9092", settings={name: "1"})


def test_the_users_settings_win_over_the_defaults() -> None:
    config = KafkaConfig(
        bootstrap_servers="b:9092",
        settings={"compression.type": "zstd", "queued.max.messages.kbytes": "99", "client.id": "mine"},
    )
    assert producer_settings(config, 1.0)["compression.type"] == "zstd"
    assert reader_settings(config)["queued.max.messages.kbytes"] == "99"
    assert client_settings(config)["client.id"] == "mine"


def test_a_password_is_in_no_text() -> None:
    config = KafkaConfig(bootstrap_servers="b:9092", settings={"sasl.password": "a-secret"})
    assert "a-secret" not in f"{config} {config!r} {[config]}"
    assert "sasl.password" in repr(config)


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_log_says_each_kind_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = _Clock()
    log = KafkaLog(logging.getLogger("test.kafka"), clock)
    with caplog.at_level(logging.DEBUG, logger="test.kafka"):
        log.log(logging.INFO, "%s [%s] %s", "FAIL", "rollguard#consumer-1", "disconnected")
        for _ in range(1000):
            log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rollguard#consumer-1", "connection refused")
        log.log(logging.INFO, "%s [%s] %s", "CONFWARN", "rollguard#consumer-1", "is ignored")
        clock.now = EVERY_S
        log.log(logging.ERROR, "%s [%s] %s", "FAIL", "rollguard#consumer-2", "connection refused")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "kafka: FAIL [rollguard#consumer-1] disconnected"),
        ("WARNING", "kafka: FAIL [rollguard#consumer-1] connection refused"),
        ("INFO", "kafka: CONFWARN [rollguard#consumer-1] is ignored"),
        ("WARNING", "kafka: FAIL [rollguard#consumer-2] connection refused (999 more of FAIL left out)"),
    ]


def test_brokers_are_named_by_a_variable_of_their_own() -> None:
    with pytest.raises(ValueError, match=r"bootstrap\.servers is ROLLGUARD_KAFKA_BOOTSTRAP_SERVERS here"):
        KafkaConfig(bootstrap_servers="b:9092", settings={"bootstrap.servers": "c:9092"})
