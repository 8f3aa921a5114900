"""Workers that start at once: forked from a process that has imported everything already.

What runs is `rollguard run` as ever, to the interpreter's own end. `Forge` is the test's side; run as a program this
file is the process that forks: it reads orders from standard input, one JSON object a line, and ends with it.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
POLL_S = 0.01


class Forge:
    """Starts programs of `rollguard`, and tells how they ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.integration.forked"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> "Forked":
        pid = self._ask({"arguments": list(arguments), "environment": dict(environment), "log": str(log)})
        return Forked(self, int(pid))

    def status(self, pid: int) -> int | None:
        """The exit code, that of a signal negative; None while it runs. Of each process asked for once."""
        answer: int | None = self._ask({"pid": pid})
        return answer

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


class Forked:
    """A process that a forge started."""

    def __init__(self, forge: Forge, pid: int) -> None:
        self._forge, self.pid = forge, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._forge.status(self.pid)
        return self.returncode

    def send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, wait_s: float) -> int | None:
        """The exit code, None if it still runs after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self.returncode


def serve() -> None:
    """Carry out orders until there are no more; in a process that was forked, return to run the program."""
    while line := sys.stdin.readline():
        order = json.loads(line)
        if "pid" in order:
            pid, status = os.waitpid(order["pid"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                become(order)
                return
        print(json.dumps(answer), flush=True)  # noqa: T201  # The test reads it.
    os._exit(0)


def become(order: dict[str, Any]) -> None:
    """Be the program: its arguments, its environment, its log."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # It does not outlive the tests.
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])
    sys.argv = ["rollguard", *order["arguments"]]


if __name__ == "__main__":
    import flows.worker  # noqa: F401  # What takes long to import.
    from flows.cli import main

    serve()
    main()
