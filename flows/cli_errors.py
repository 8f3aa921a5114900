"""Shared by all commands of `rollguard`: failures become one line and an exit code, signals an orderly end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import NoReturn, ParamSpec

import msgspec
import typer
from backports.zstd import ZstdError

from flows import engine, replay, sql
from flows.backtest.outcomes import NothingToMeasure
from flows.control.commands import WrongCommand
from flows.control.hooks import HookFailed
from flows.control.memory import NoMemory
from flows.plain import plain
from flows.recovery.holders import StoreInUse
from flows.recovery.parts import StoreUnusable
from flows.reference.items import WrongReference
from operators.connectors.chat.model import WrongEndpoint
from operators.connectors.clickhouse.errors import ClickHouseError
from operators.connectors.kafka.errors import KafkaFailure
from operators.connectors.replaced import LogReplaced
from operators.connectors.stop import Stop
from operators.evals.case import Altered
from operators.evals.checks import WrongCheck
from operators.evals.exports import NotExported
from operators.evals.sets import NoSet
from operators.ingest.refused_share import TooManyRejects
from operators.policy.errors import PolicyError
from operators.recovery import StateMismatch
from operators.saved.registry import Unreadable
from operators.triage.actions import WrongAction
from operators.window.fence import OutOfStep

P = ParamSpec("P")
FAILURES = (
    ClickHouseError,
    KafkaFailure,
    LogReplaced,
    OSError,
    EOFError,
    ZstdError,
    TooManyRejects,
    StateMismatch,
    StoreInUse,
    StoreUnusable,
    engine.EngineFailed,
    OutOfStep,
    Unreadable,
    replay.FolderInUse,
    sql.QueryError,
    HookFailed,
    NoMemory,
    Altered,
)
# A path that was given is not a file.
NOT_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
WRONG_USE = (
    PolicyError,
    WrongCommand,
    msgspec.ValidationError,
    replay.GivenTwice,
    replay.ReadOnce,
    WrongReference,
    WrongAction,
    WrongCheck,
    NoSet,
    NotExported,
    WrongEndpoint,
    NothingToMeasure,
)


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn expected failures into one line and an exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except WRONG_USE as error:
            fail(str(error), 2)
        except NOT_THERE as error:
            fail(_words(error), 2)
        except FAILURES as error:
            fail(_words(error), 1)

    return run


@contextmanager
def interruptible(stop: Stop) -> Iterator[None]:
    """Stop the engine in an orderly way on Ctrl-C and SIGTERM; a second Ctrl-C stops it at once."""

    def ask(number: int, frame: object) -> None:
        stop.request()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def fail(text: str, code: int) -> NoReturn:
    """Print what is wrong on one line of standard error, and exit."""
    typer.echo(f"rollguard: {plain(' '.join(text.split()))}", err=True)
    raise typer.Exit(code)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
