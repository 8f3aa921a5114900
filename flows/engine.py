"""Runs the engine for a worker: whatever fails on the way, it raises the cause, in words.

Bytewax wraps what a step raises. Where its own code fails it panics: in Python that is an exception outside
`Exception`, on standard error a native backtrace where the environment asks for one. When one process of a cluster is
gone, all others panic, and their threads may end the interpreter by SIGABRT while it shuts down.
"""

import atexit
import errno
import logging
import os
import re
import socket
import sys
from collections.abc import Sequence
from datetime import timedelta

from bytewax.dataflow import Dataflow
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

PEER_GONE = ("Send thread panic", "Recv thread panic", "connection", "Connection", "Broken pipe")
SQLITE = re.compile(r'SqliteFailure\(.*?Some\("(?P<why>[^"]*)"\)')


class EngineFailed(Exception):
    """The engine itself failed; only what was saved counts."""


def run(flow: Dataflow, process: int, addresses: Sequence[str], epoch: timedelta, recovery: RecoveryConfig) -> None:
    """Run to the end, as a process of a cluster if there are addresses. Raises what a step raised, or EngineFailed.

    OSError names this process's address if it is in use.
    """
    if addresses:
        _require_free(addresses[process])
    os.putenv("RUST_BACKTRACE", "0")  # A backtrace would bury the line that says what is wrong.
    try:
        cli_main(  # type: ignore[no-untyped-call]  # A native function.
            flow,
            process_id=process if addresses else None,
            addresses=list(addresses) or None,
            epoch_interval=epoch,
            recovery_config=recovery,
        )
    except BaseException as error:
        if addresses:
            atexit.register(_end_at_once)
        cause = _cause(error)
        if _of_the_engine(cause):
            raise EngineFailed(_words(str(cause))) from error
        raise cause from error


def _require_free(address: str) -> None:
    """Raise OSError if an address is in use, where the engine would only panic."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(error.errno, os.strerror(error.errno), address) from error


def _cause(error: BaseException) -> BaseException:
    """Return the cause of the engine's error, which wraps whatever a step raises."""
    while isinstance(error, BytewaxRuntimeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _of_the_engine(error: BaseException) -> bool:
    """Whether the engine raised this, not a step: a panic, as such or as a RuntimeError that names its source."""
    panic = type(error).__module__ == "pyo3_runtime"
    return (
        panic or isinstance(error, BytewaxRuntimeError) or (type(error) is RuntimeError and str(error)[:5] == "(src/")
    )


def _words(text: str) -> str:
    if stored := SQLITE.search(text):
        return f"the recovery store cannot be written ({stored['why']}): see to its disk, then start again"
    if any(words in text for words in PEER_GONE):
        return "another process of the cluster is gone: start all of them again"
    return f"the engine failed: {text}"


def _end_at_once() -> None:
    """Exit before the interpreter shuts down: the engine's threads live on, and would abort the process."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
