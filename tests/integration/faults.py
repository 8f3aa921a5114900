"""A worker that is fed, and whatever it stands on, broken in every way at random moments of a seed's choice.

Each round starts some processes, feeds some partitions some of their logs, and ends with a fault. After every start
the broker stands still until epochs have ended in which no message came: what was killed then left snapshots of an
epoch that is done again without it.
"""

import os
import re
import signal
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from flows.recovery.holders import AT_WORK
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.producer import KafkaMessage, KafkaProducer
from tests.forked import Forge, Forked
from tests.integration.clickhouse_bridge import Bridge, Fault
from tests.integration.fault_logs import PARTITIONS, Made, time_of
from tests.integration.kafka_broker import TestBroker
from tests.integration.ports import free_ports
from tests.integration.working import ANSWER_S

PATIENCE_S = 300.0
EMPTY_EPOCHS = 2  # A silence of the broker lasts so long.
CODES: tuple[Fault, ...] = ("unavailable", "too_many_parts", "reset", "lost_ack")
INPUTS_BESIDE = 3  # Partitions of feedback and commands.


class Process:
    """One process of a worker: what it says, and what it has done."""

    def __init__(self, forked: Forked, log: Path, lock: Path, url: str) -> None:
        self.forked, self.log, self._lock, self._url = forked, log, lock, url

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    @property
    def met(self) -> bool:
        """Whether all processes of its cluster have met."""
        return self._lock.exists() and self._lock.read_bytes().startswith(AT_WORK)

    def values(self, name: str) -> list[float]:
        """A metric under each of its labels; none while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/metrics", timeout=ANSWER_S) as answer:  # noqa: S310
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return []
        return [float(value) for value in re.findall(rf"^rollguard_{name}(?:\{{.*?\}})? (\S+)$", text, re.MULTILINE)]

    def epochs(self) -> float:
        """How many epochs have ended."""
        return min(self.values("epoch_seconds_count"), default=0)


class Place:
    """Where the worker runs: topics, store, recovery folder, and the processes of one start."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], forge: Forge, broker: TestBroker, bridge: Bridge, made: Made
    ) -> None:
        self.folder, self.environment, self.forge = folder, dict(environment), forge
        self.broker, self.bridge, self.made = broker, bridge, made
        self.processes: list[Process] = []
        self.met = True  # Whether those that were killed had met.
        self.starts = 0
        self.state = folder / "state"
        self._fed = {(stream, number): 0 for stream, logs in made.logs.items() for number in range(len(logs))}
        self.partitions = PARTITIONS  # Of the events, so far.

    def start(self, count: int) -> None:
        """Start a worker of so many processes."""
        self.starts += 1
        addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(count))
        self.processes = [self._process(number, addresses if count > 1 else "") for number in range(count)]

    def _process(self, number: int, addresses: str) -> Process:
        (port,) = free_ports(1)
        log = self.folder / f"worker-{self.starts}-{number}.log"
        options = ["run", "--recovery", str(self.state), "--listen", f"127.0.0.1:{port}", "--epoch", "0.1"]
        if addresses:
            options += ["-i", str(number), "-a", addresses]
        forked = self.forge.start(options, log, environment=os.environ | self.environment)
        return Process(forked, log, self.state / f".lock-{number}", f"http://127.0.0.1:{port}")

    def wait(self, condition: Callable[[], bool], what: str, wait_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + wait_s
        while not condition():
            for process in self.processes:
                assert process.forked.poll() is None, (
                    f"{what}: ended by {process.forked.poll()}: {process.said()[-2_000:]}"
                )
            assert time.monotonic() < deadline, f"{what}: {[process.said()[-1_000:] for process in self.processes]}"
            time.sleep(0.1)  # Each question costs the worker some 5 ms.

    def begun(self) -> bool:
        """Whether all processes know their partitions, and are about to read."""
        return all("worker begins" in process.said() for process in self.processes)

    def epochs(self) -> float:
        """How many epochs have ended since the start, in the process that has seen fewest."""
        return min(process.epochs() for process in self.processes)

    def items(self) -> float:
        return sum(sum(process.values("items_total")) for process in self.processes)

    def feed(self, random: Random, until_ms: int, silent: float = 0.15) -> None:
        """Send what lies before `until_ms` of what is left of the partitions; a share of them stays `silent`."""
        producer = KafkaProducer(KafkaConfig(bootstrap_servers=self.broker.address))
        for (stream, number), fed in self._fed.items():
            log = self.made.logs[stream][number]
            if (stream == "events" and number >= self.partitions) or random.random() < silent:
                continue
            last = next((at for at in range(fed, len(log)) if time_of(log[at]) >= until_ms), len(log))
            topic = self.environment[f"ROLLGUARD_{stream.upper()}_TOPIC"]
            for line in log[fed:last]:
                producer.send(KafkaMessage(topic, None, line, number))
            self._fed[stream, number] = last
        producer.flush()
        producer.close()

    def read(self) -> bool:
        """Whether all that was fed has been read."""
        lags = [lag for process in self.processes for lag in process.values("lag")]
        return len(lags) == self.partitions + INPUTS_BESIDE and not any(lags)

    def clear(self) -> None:
        """End what still runs, after a test that failed."""
        for process in self.processes:
            process.forked.send_signal(signal.SIGKILL)
            process.forked.wait(PATIENCE_S)

    def kill(self, killed: Sequence[Process]) -> None:
        """Kill processes. Where they had met, the others must end by themselves, in one line, with code 1."""
        self.met = all(process.met for process in self.processes)
        for process in killed:
            process.forked.send_signal(signal.SIGKILL)

    def bury(self, counted: Counter[str]) -> None:
        """Wait until all processes have ended, after one did."""
        for process in self.processes:
            if not self.met and process.forked.poll() is None:
                # It waits for its peers, for ever: a supervisor starts them again.
                process.forked.send_signal(signal.SIGKILL)
            code = process.forked.wait(PATIENCE_S)
            if code != -signal.SIGKILL:
                counted["ended because another did, in one line"] += 1
                check_last_line(process, code)
        self.processes = []


def check_last_line(process: Process, code: int | None) -> None:
    """A worker that cannot go on says why in its last line, without a backtrace, and ends with code 1."""
    said = process.said()
    assert code == 1, f"ended by {code}: {said[-2_000:]}"
    assert said.splitlines()[-1].startswith("rollguard: "), said[-2_000:]
    for words in ("Traceback", "stack backtrace", "exception not rethrown"):
        assert words not in said, said[-2_000:]


class Faults:
    """What is done to a place, drawn from one seed; `counted` says how often each kind came about.

    `disk` is the recovery folder where that has a disk of its own, which can be filled.
    """

    def __init__(self, place: Place, random: Random, disk: Path | None) -> None:
        self.place, self.random, self.disk = place, random, disk
        self.counted: Counter[str] = Counter()

    @property
    def kills(self) -> int:
        """Of processes of the worker, by us."""
        return sum(count for kind, count in self.counted.items() if kind.startswith("kill"))

    def round(self, processes: int, until_ms: int, fault: str, *, kill_silent: bool) -> None:
        """Start so many processes, feed them, and break something; nothing runs afterwards.

        `kill_silent`: kill while nothing comes instead.
        """
        place = self.place
        place.start(processes)
        place.wait(place.begun, "start")
        if fault == "recovery":
            time.sleep(self.random.random() * 0.5)
            self._kill("in recovery")
        else:
            self._silent_start(kill=kill_silent)
            if not kill_silent:
                place.bridge.order(*self._orders(fault))
                place.feed(self.random, until_ms)
                getattr(self, f"_{fault}")()
        place.bury(self.counted)
        place.bridge.order()

    def settle(self, until_ms: int) -> None:
        """Have every partition read once: until then a start asks the broker where it begins, frozen or not."""
        place = self.place
        place.start(1)
        place.wait(place.begun, "start")
        place.feed(self.random, until_ms, silent=0)
        place.wait(place.read, "the first messages")
        epochs = place.epochs()
        place.wait(lambda: place.epochs() > epochs + EMPTY_EPOCHS, "the first epochs")
        self._kill("at a random moment")
        place.bury(self.counted)

    def finish(self) -> None:
        """Feed what is left, and let a worker of one process come to its end."""
        place = self.place
        place.start(1)
        place.wait(place.begun, "start")
        place.feed(self.random, place.made.end_ms + 1, silent=0)
        place.wait(place.read, "the end of the logs")
        epochs = place.epochs()
        place.wait(lambda: place.epochs() > epochs + EMPTY_EPOCHS, "the last epoch")
        (process,) = place.processes
        process.forked.send_signal(signal.SIGTERM)
        assert process.forked.wait(PATIENCE_S) == 0, process.said()[-2_000:]

    def add_partition(self) -> None:
        self.place.broker.grow(self.place.environment["ROLLGUARD_EVENTS_TOPIC"], PARTITIONS + 1)
        self.place.partitions = PARTITIONS + 1
        self.counted["partition added"] += 1

    def _orders(self, fault: str) -> list[Fault]:
        """What is to happen to the next inserts."""
        if fault == "snapshot":
            return ["stall"] * 3
        return [self.random.choice(CODES) for _ in range(4)] if fault == "codes" else []

    def _silent_start(self, *, kill: bool) -> None:
        """Have epochs end in which nothing came."""
        place = self.place
        with self._stopped(place.broker.pid() or 0):
            place.wait(lambda: place.epochs() > EMPTY_EPOCHS, "epochs without messages")
            if place.items() == 0:
                self.counted["broker frozen after a start, epochs empty"] += 1
            if kill:
                self._kill("with all silent")

    def _random(self) -> None:
        time.sleep(self.random.random() * 1.5)
        self._kill("at a random moment")

    def _snapshot(self) -> None:
        """Kill while the sink is storing what an epoch wrote: the keys' snapshots are saved, the epoch is not done."""
        deadline = time.monotonic() + 3
        while not (caught := self._storing()) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._kill("between snapshots and the end of the epoch" if caught else "at a random moment")

    def _storing(self) -> bool:
        return any(each["fault"] == "stall" and not each["done"] for each in self.place.bridge.inserts())

    def _codes(self) -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and len(self.place.bridge.inserts()) < len(CODES):
            time.sleep(0.05)
        for record in self.place.bridge.inserts():
            if record["fault"] is not None:
                self.counted[f"ClickHouse: {record['fault']}"] += 1
        self._kill("at a random moment")

    def _away(self) -> None:
        self.place.bridge.stop(kill=True)
        self.counted["ClickHouse away"] += 1
        time.sleep(self.random.random())
        self.place.bridge.start()
        self._random()

    def _broker(self) -> None:
        time.sleep(self.random.random() * 0.5)
        self.place.broker.kill()
        self.place.broker.start()
        self.counted["broker killed"] += 1
        self._random()

    def _stop(self) -> None:
        with self._stopped(self.random.choice(self.place.processes).forked.pid):
            self.counted["stop of 60 s"] += 1
            time.sleep(60)
        self._random()

    def _full(self) -> None:
        """Fill the disk of the recovery folder: the worker ends when it cannot save, and starts once there is room."""
        if self.disk is None:
            self._random()
            return
        place = self.place
        filler = self.disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        self.counted["disk full"] += 1
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and all(process.forked.poll() is None for process in place.processes):
            time.sleep(0.02)
        if all(process.forked.poll() is None for process in place.processes):
            self._kill("with a full disk")
        place.bury(self.counted)
        place.start(1)
        (process,) = place.processes
        check_last_line(process, process.forked.wait(PATIENCE_S))
        assert "no room for the recovery store" in process.said()
        filler.unlink()

    def _kill(self, when: str) -> None:
        """Kill one process, or all at once."""
        processes = self.place.processes
        killed = processes if self.random.random() < 0.5 else [self.random.choice(processes)]
        self.counted[f"kill {when}, {len(processes)} processes"] += len(killed)
        self.place.kill(killed)

    @staticmethod
    @contextmanager
    def _stopped(pid: int) -> Iterator[None]:
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
