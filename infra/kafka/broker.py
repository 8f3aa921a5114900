"""A real Apache Kafka for development and tests: one node on loopback, without docker.

`broker.py start` fetches the jars with Maven if they are missing, formats the data folder if it is new, starts
Java, waits until an admin client gets an answer (4-6 s) and makes the topics. The data outlives the broker, also
when it is killed. Needs Java 17 or later, Maven the first time, and some 400 MB of memory.
"""

import argparse
import base64
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "kafka"
PORT = 9092
START_S_MAX = 120.0  # A start takes 4-6 s on an idle machine.
STOP_S_MAX = 20.0
POLL_S = 0.1

# With LogAppendTime the broker's clock says when a message came, so no producer's clock can.
INPUT = {"message.timestamp.type": "LogAppendTime"}
# The pins of all models and the overrides in force follow from all messages, however old; there are few.
FOR_EVER = {"retention.ms": "-1"}
TOPICS = [
    NewTopic("inference.events", num_partitions=4, replication_factor=1, config=INPUT),
    NewTopic("inference.feedback", num_partitions=4, replication_factor=1, config=INPUT),
    NewTopic("inference.feedback.raw", num_partitions=4, replication_factor=1, config=INPUT),
    NewTopic("rollguard.commands", num_partitions=1, replication_factor=1, config=INPUT | FOR_EVER),
    NewTopic("rollguard.control", num_partitions=1, replication_factor=1, config=FOR_EVER),
    NewTopic("rollguard.deadletter", num_partitions=1, replication_factor=1),
    NewTopic("rollguard.triage", num_partitions=1, replication_factor=1),
]


class BrokerError(Exception):
    """The broker cannot be started or stopped; the text says why."""


def fetch_jars(jars: Path) -> None:
    """Make sure that the folder `jars` holds the broker: the folder is either complete or missing."""
    if jars.is_dir():
        return
    partial = jars.with_name(f"{jars.name}.{os.getpid()}")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}", "-DincludeScope=runtime"]
    done = subprocess.run(  # noqa: S603
        [_tool("mvn"), "-q", "-B", "-f", str(HERE / "pom.xml"), *goal], capture_output=True, text=True, check=False
    )
    if done.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        raise BrokerError(f"Maven cannot fetch the jars of Kafka: {_last(done.stdout)}")
    try:
        partial.rename(jars)
    except OSError:
        # Another process was faster, and a folder replaces only an empty one.
        shutil.rmtree(partial)


class Broker:
    """One broker: the same data folder and ports at each start. `address` is what clients need."""

    _options: tuple[str, ...] = ("-Xmx512m",)

    def __init__(self, data: Path, jars: Path, port: int, controller_port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.log = data / "broker.log"
        self._data = data.absolute()
        self._jars = jars
        self._ports = {"port": port, "controller_port": controller_port}
        self._properties = self._data / "server.properties"
        self._formatted = self._data / "logs" / "meta.properties"
        self._pid_file = self._data / "pid"
        self._process: subprocess.Popen[bytes] | None = None

    def pid(self) -> int | None:
        """The process that serves this data folder, whoever started it, or None."""
        try:
            pid = int(self._pid_file.read_text())
            # The number may belong to another program by now, and a process that has ended has no command line.
            ours = os.fsencode(self._properties) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if ours else None

    def start(self) -> None:
        """Start the broker, and wait until it answers clients. BrokerError, with the end of its log, if it does not."""
        if self.pid() is not None:
            raise BrokerError(f"a broker is running on {self._data} already")
        fetch_jars(self._jars)
        self._configure()
        process = self._java(*self._options, f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}", "kafka.Kafka")
        self._process = process
        self._pid_file.write_text(str(process.pid))
        deadline = time.monotonic() + START_S_MAX
        admin = self.admin()
        while not self._answers(admin):
            if process.poll() is not None:
                raise BrokerError(f"the broker ended at once: {_last(self.log.read_text())} (see {self.log})")
            if time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise BrokerError(f"the broker did not answer within {START_S_MAX} s (see {self.log})")
            time.sleep(POLL_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> bool:
        """End the broker and wait until it is gone; return whether there was one."""
        pid = self.pid()
        if pid is None:
            return False
        os.kill(pid, number)
        deadline = time.monotonic() + STOP_S_MAX
        while self._runs(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)
        return True

    def _runs(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            # Polling also reaps the process, which else would stay as a zombie.
            return self._process.poll() is None
        return self.pid() is not None

    def admin(self) -> AdminClient:
        # Until the broker listens, each try to connect would be logged to standard error.
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0, "reconnect.backoff.max.ms": 200})

    def create(self, topics: list[NewTopic]) -> None:
        """Make the topics that are missing."""
        admin = self.admin()  # Answers come only while the client lives.
        for future in admin.create_topics(topics).values():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _answers(self, admin: AdminClient) -> bool:
        """An open port is not enough: the node first becomes controller of itself, and the port may be another's."""
        try:
            cluster = admin.list_topics(timeout=1).cluster_id
        except KafkaException:
            return False
        return f"cluster.id={cluster}\n" in self._formatted.read_text()

    def _configure(self) -> None:
        logs = self._formatted.parent
        logs.mkdir(parents=True, exist_ok=True)
        template = (HERE / "server.properties").read_text()
        self._properties.write_text(template.format(**self._ports, logs=logs))
        if not self._formatted.exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            # One argument: an id may begin with a hyphen.
            tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c")
            formatting = self._java(*self._options, *tool)
            if formatting.wait():
                raise BrokerError(f"the data folder cannot be formatted: {_last(self.log.read_text())}")

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a program of the jars on this broker's properties, apart from our terminal and its Ctrl-C."""
        command = [_tool("java"), "-cp", f"{self._jars.absolute()}/*", *arguments, str(self._properties)]
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603
                command, cwd=self._data, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise BrokerError(f"{name} is missing")
    return path


def _last(text: str) -> str:
    """The last line that is not part of a stack trace."""
    lines = [line for line in text.splitlines() if line and not line[0].isspace()]
    return lines[-1] if lines else "no reason given"


def main() -> None:
    parser = argparse.ArgumentParser(description="A real Apache Kafka on loopback.")
    parser.add_argument("do", choices=["start", "stop", "status"])
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--controller-port", type=int, default=PORT + 1)
    parser.add_argument("--data", type=Path, default=BUILD / "data")
    parser.add_argument("--jars", type=Path, default=BUILD / "lib")
    given = parser.parse_args()
    broker = Broker(given.data, given.jars, given.port, given.controller_port)
    try:
        print(_do(given.do, broker))  # noqa: T201
    except BrokerError as error:
        sys.exit(f"kafka: {error}")


def _do(what: str, broker: Broker) -> str:
    if what == "stop":
        return "kafka: stopped" if broker.stop() else "kafka: was not running"
    if what == "start" and broker.pid() is None:
        broker.start()
        broker.create(TOPICS)
        return f"kafka: {broker.address}, log in {broker.log}"
    pid = broker.pid()
    return "kafka: not running" if pid is None else f"kafka: running, process {pid}"


if __name__ == "__main__":
    main()
