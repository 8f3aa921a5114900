"""The worker as a process of its own, watched through /metrics, and killed."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Forked, forge
from tests.integration.ports import free_ports

WAIT_S = 300.0  # Nothing waits so long, but on a machine with ten times as much to do as it can.
ANSWER_S = 60.0  # What asks once takes no answer for none.


def prompt_policy() -> str:
    """The default policy, but each pane counts in full from the first: rollbacks take seconds, not minutes."""
    text = Path("flows/policy.toml").read_text()
    for setting in ("blip", "warm_up"):
        assert f'{setting} = "1m"' in text
        text = text.replace(f'{setting} = "1m"', f'{setting} = "0s"')
    return text


def brief_policy() -> str:
    """The same with no window above ten minutes: those of a log have all ended soon after its last event."""
    text, hour = prompt_policy(), '{ size = "1h", every = "1m"'
    assert text.count(hour) == 1
    return text.replace(hour, hour.replace("1h", "10m"))


def start(words: Sequence[object], environment: Mapping[str, str], log: Path) -> "Forked | subprocess.Popen[bytes]":
    """Start `rollguard`; from nothing where a library is to be loaded before it."""
    if "LD_PRELOAD" not in environment:
        return forge().start(words, log, environment=environment)
    command = [sys.executable, "-c", "from flows.cli import main; main()", *map(str, words)]
    with log.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


class Worker:
    """`rollguard run`, or another worker, with settings of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *options: str, name: str = "run") -> None:
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self._url = f"http://{self.address}"
        folder.mkdir(exist_ok=True)
        self.log = folder / "worker.log"
        given = ["--epoch", "0.25", "--recovery", folder / "state", "--listen", f"127.0.0.1:{port}", *options]
        self.process = start([name, *given], os.environ | dict(environment), self.log)

    def metrics(self, name: str) -> dict[str, float]:
        """A metric's values by its labels as text; empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/metrics", timeout=ANSWER_S) as answer:  # noqa: S310
                text = answer.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return {}
        found = re.findall(rf"^rollguard_{name}(\{{.*?\}})? (\S+)$", text, flags=re.MULTILINE)
        return {labels: float(value) for labels, value in found}

    def ready(self) -> bool:
        return self.readiness()[0] == 200

    def readiness(self) -> tuple[int, str]:
        """What /readyz says; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/readyz", timeout=ANSWER_S) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def wait(self, condition: Callable[[], bool], wait_s: float = WAIT_S, *, every_s: float = 0.1) -> None:
        """Ask every so often whether something is so: each question costs the worker some 5 ms."""
        deadline = time.monotonic() + wait_s
        while not condition():
            assert self.process.poll() is None, self.log.read_text()[-2_000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2_000:]
            time.sleep(every_s)

    def wait_for_items(self, count: int) -> None:
        self.wait(lambda: sum(self.metrics("items_total").values()) >= count, every_s=0.02)

    def drain(self, partitions: int) -> None:
        """Wait until all is read, and saved."""

        def read() -> bool:
            lags = self.metrics("lag").values()
            return len(lags) == partitions and not any(lags)

        self.wait(read)
        self.wait_for_epochs(3 * partitions)

    def wait_for_epochs(self, count: int) -> None:
        """Wait until so many more epochs of inputs have ended."""
        epochs = sum(self.metrics("epoch_seconds_count").values())
        self.wait(lambda: sum(self.metrics("epoch_seconds_count").values()) >= epochs + count)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int | None:
        """The exit code, None if it does not end."""
        self.terminate()
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def working(folder: Path, environment: Mapping[str, str], *options: str, name: str = "run") -> Iterator[Worker]:
    """A worker that is killed at the end, if it still runs."""
    worker = Worker(folder, environment, *options, name=name)
    try:
        yield worker
    finally:
        worker.kill()
