"""Hooks, called once per control event, and again on failure: here running a program; webhooks are in `webhook.py`."""

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable

import msgspec

from flows import settings
from flows.control.commands import WrongCommand
from operators.connectors.stop import Stop
from operators.texts import cut
from operators.wire.control import ControlEvent

STANDARD_ERROR = 2  # A program's output goes there: standard output is ours, and may be JSON.
WAIT_S_MAX = 30.0
STEP_S = 0.1
VARIABLE_MAX = 1_000  # Characters: more than any text in the worker's events.
WEIGHTS_MAX = 100_000  # Characters: the weights of a hundred versions have fewer.

Hook = Callable[[bytes, ControlEvent], None]  # The event's bytes as they came, and the event; raises HookFailed.


class HookFailed(Exception):
    """A program or a webhook failed. The text says why, and holds no secret."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` in all, `wait_s` before the second, and twice as long before each further one. ValueError."""

    attempts: int = 4
    wait_s: float = 1.0
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if not (self.attempts >= 1 and self.wait_s >= 0 and self.timeout_s > 0):
            raise ValueError(f"need attempts >= 1, wait_s >= 0 and timeout_s > 0, got {self!r}")


def persist(hook: Hook, body: bytes, event: ControlEvent, retry: Retry, stop: Stop) -> bool:
    """Call a hook until it succeeds; False if a stop was requested before. HookFailed after the last attempt."""
    wait = retry.wait_s
    for attempt in range(1, retry.attempts + 1):
        try:
            hook(body, event)
        except HookFailed as error:
            if stop.requested:
                return False
            if attempt == retry.attempts:
                again = f"{attempt} attempts, the last one: " if attempt > 1 else ""
                raise HookFailed(f"event {event.id}: {again}{error}") from error
        else:
            return True
        if not waited(wait, stop):
            return False
        wait = min(WAIT_S_MAX, wait * 2)
    return False


def waited(wait_s: float, stop: Stop) -> bool:
    """Wait in short steps, because a stop is noticed only between them."""
    until = time.monotonic() + wait_s
    while not stop.requested and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, STEP_S))
    return not stop.requested


def program(command: str, timeout_s: float) -> Hook:
    """Return a hook that runs a command (words as in a shell, but no shell), with the event on standard input.

    WrongCommand if there is no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise WrongCommand(f"--exec {command!r}: {error}") from error
    if not words or shutil.which(words[0]) is None:
        raise WrongCommand(f"--exec {command!r}: there is no such program")

    def run(body: bytes, event: ControlEvent) -> None:
        try:
            done = subprocess.run(  # noqa: S603  # The user's own command; what the event says is in variables only.
                words,
                input=body,
                env=settings.environment(variables(event)),
                stdout=STANDARD_ERROR,
                timeout=timeout_s,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise HookFailed(f"{words[0]}: {_why(error)}") from error
        if done.returncode:
            raise HookFailed(f"{words[0]}: exit code {done.returncode}")

    return run


def variables(event: ControlEvent) -> dict[str, str]:
    """Return the environment variables with an event's main fields; missing ones are empty."""
    fields = {
        "id": event.id,
        "type": event.type,
        "state": event.state,
        "ts": event.ts,
        "model": event.model,
        "version": event.version,
        "pin": event.pin,
        "weights": msgspec.json.encode(event.weights).decode(),
        "revision": event.revision,
        "rule": event.rule,
        "severity": event.severity,
        "runbook": event.runbook,
        "incident": event.incident,
        "update": int(event.update),
    }
    return {
        # No system takes a NUL in a variable, nor more than 128 KiB.
        f"ROLLGUARD_EVENT_{name.upper()}": "" if value is None else cut(str(value).replace("\0", ""), _longest(name))
        for name, value in fields.items()
    }


def _longest(name: str) -> int:
    return WEIGHTS_MAX if name == "weights" else VARIABLE_MAX  # Cut JSON would not be JSON.


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"not done after {error.timeout:.1f} s"
    return str(error) or type(error).__name__
