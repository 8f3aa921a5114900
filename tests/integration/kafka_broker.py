"""A broker of the tests' own, on free ports, that can be killed and started again; see `conftest.py`."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.cimpl import NewPartitions

from infra.kafka.broker import BUILD, Broker
from tests.integration.ports import free_ports

JARS = BUILD / "lib"

# A second door, for which one needs a password; behind it all but USER need rights as well (infra/kafka/acls.sh).
# In a properties file the last line for a name counts.
USER, PASSWORD = "rollguard", "a-secret"
ROLES = ("producer", "worker", "enricher", "gateway", "operator", "stranger")
SASL = """
listeners=PLAINTEXT://{plain},CONTROLLER://127.0.0.1:{controller_port},SASL_PLAINTEXT://{guarded}
advertised.listeners=PLAINTEXT://{plain},SASL_PLAINTEXT://{guarded}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required {users};
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{user}
"""


class TestBroker(Broker):
    """A broker that does not outlive this process, however that ends."""

    __test__ = False
    # It lives for a minute or two, in which the optimising compiler earns nothing.
    _options = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
    _guard: subprocess.Popen[bytes] | None = None

    def __init__(self, data: Path) -> None:
        port, controller_port, guarded_port = free_ports(3)
        super().__init__(data, JARS, port, controller_port)
        self.guarded = f"127.0.0.1:{guarded_port}"
        self._door = SASL.format(
            plain=self.address,
            controller_port=controller_port,
            guarded=self.guarded,
            user=USER,
            users=" ".join(f'user_{name}="{PASSWORD}"' for name in (USER, *ROLES)),
        )

    def start(self) -> None:
        super().start()
        # Its standard input ends with this process; by kill -9 as well, when no code of ours runs any more.
        self._guard = subprocess.Popen(["sh", "-c", f"read _; kill -9 {self.pid()}"], stdin=subprocess.PIPE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> bool:
        if self._guard is not None:
            # First, or it might end another process that was given the same number.
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        return super().stop(number)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def _configure(self) -> None:
        super()._configure()
        with self._properties.open("a") as file:
            file.write(self._door)

    def grow(self, topic: str, partitions: int) -> None:
        """Give a topic more partitions."""
        admin = self.admin()
        for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
            future.result()

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """What lag tools see: how far a group is."""
        admin = self.admin()
        wanted = [ConsumerGroupTopicPartitions(group)]
        answer = admin.list_consumer_group_offsets(wanted)[group].result().topic_partitions
        return {(place.topic, place.partition): place.offset for place in answer or ()}


@contextmanager
def running(data: Path) -> Iterator[TestBroker]:
    """A broker on free ports. Where Java or Maven is missing the test is skipped, except in CI, where it fails."""
    missing = [tool for tool in ("java", *(() if JARS.is_dir() else ("mvn",))) if shutil.which(tool) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"no Kafka: {' and '.join(missing)} missing")
    broker = TestBroker(data)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
