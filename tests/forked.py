"""`rollguard` in processes of its own that start at once: forked from one that has already imported everything.

The whole program runs, from reading its arguments to the interpreter's exit; forking only saves a second of imports per
start. `Forge` is the test's side; run as a program, this file is the process that forks: it reads orders from standard
input, one JSON object a line, until that ends.
"""

import atexit
import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
PR_SET_PDEATHSIG = 1
POLL_S = 0.01
# Modules that take long to import, and that only commands import; not the embedded engine, which cannot be forked.
LAZY = (
    "pandas",
    "pyarrow.compute",
    "river.drift",
    "typer._adapters",
    "typer.rich_utils",
    "flows.archive.worker",
    "flows.enrich.worker",
    "flows.produce",
    "flows.worker",
    "operators.connectors.clickhouse.migrations",
)


class Forge:
    """Starts `rollguard` processes, and returns how they ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.forked"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(
        self,
        arguments: Sequence[object],
        out: Path,
        errors: Path | None = None,
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> "Forked":
        """Start a process with exactly this environment, in a folder, by default this process's own.

        Its output is added to the files; `errors` go to `out` unless another file is given.
        """
        order = {
            "arguments": [str(each) for each in arguments],
            "environment": dict(environment),
            "folder": str(folder or Path.cwd()),
            "out": str(out.absolute()),
            "errors": str((errors or out).absolute()),
        }
        return Forked(self, int(self._ask(order)))

    def status(self, pid: int) -> int | None:
        """The exit code, negative for a signal; None while it runs. Ask only once per process that has ended."""
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
    """A process that a forge started; used like a subprocess.Popen."""

    def __init__(self, forge: Forge, pid: int) -> None:
        self._forge, self.pid = forge, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._forge.status(self.pid)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, wait_s: float = 60.0) -> int | None:
        """The exit code, None if it still runs after `wait_s`."""
        deadline = time.monotonic() + wait_s
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self.returncode


@cache
def forge() -> Forge:
    """The forge of this test process, which ends with it."""
    made = Forge()
    atexit.register(made.close)
    return made


def rollguard(
    *arguments: object, environment: Mapping[str, str] | None = None, folder: Path | None = None, wait_s: float = 600.0
) -> "subprocess.CompletedProcess[str]":
    """Run the program to its end; `environment` is that of this process by default."""
    with TemporaryDirectory() as written:
        out, errors = Path(written, "out"), Path(written, "errors")
        given = os.environ if environment is None else environment
        process = forge().start(arguments, out, errors, environment=given, folder=folder)
        code = process.wait(wait_s)
        if code is None:
            process.kill()
            raise subprocess.TimeoutExpired(["rollguard", *map(str, arguments)], wait_s)
        return subprocess.CompletedProcess(
            ["rollguard", *map(str, arguments)], code, out.read_text(), errors.read_text()
        )


def serve() -> None:
    """Carry out orders until there are no more; in a forked process, return to run the program."""
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
    """Become the program: take its arguments, environment, folder and output."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # It does not outlive the tests.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "errors")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["rollguard", *order["arguments"]]


if __name__ == "__main__":
    for name in LAZY:
        import_module(name)
    from flows.cli import main
    from operators.fast import loading

    loading.kernels()  # A second of every start, here only once.
    # Never collect what is here: to scan it, now and at its end, each program would copy all of it.
    gc.collect()
    gc.freeze()
    serve()
    main()
