"""Makes commands from the command line, and sends them to their topic or adds them to a file."""

import getpass
import socket
import time
import uuid
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import msgspec

from flows.command_secrets import secret_of
from flows.named_times import time_ms
from flows.policy_files import load_policy
from flows.settings import Settings
from operators.connectors.control.command_topic import send_to_topic
from operators.connectors.control.file import append_to_file
from operators.ingest import reserved
from operators.ingest.credentials import forbidden
from operators.policy.command_keys import DEFAULT_KEY
from operators.policy.errors import PolicyError
from operators.policy.reading import Duration
from operators.policy.rules import RESERVED
from operators.texts import clock
from operators.wire.commands import SILENCE_MS_MAX, AnyCommand
from operators.wire.events import TEXT_MAX
from operators.wire.signing import signed

ARMS = {"candidate", "baseline"}


class WrongCommand(Exception):
    """The arguments make no command, or no sense."""


def release(
    model: str,
    candidate: str,
    baseline: str,
    share: float | None,
    metadata: Path | None,
    by: str | None,
    *,
    mirrored: bool = False,
    rings: Sequence[str] = (),
) -> AnyCommand:
    """Return the command that begins a release. WrongCommand; `metadata` is a file of {"candidate": {...}, ...}."""
    if candidate == baseline:
        raise WrongCommand(f"candidate and baseline are both {candidate!r}")
    if share is not None and not 0 < share < 1:
        raise WrongCommand(f"--share {share:g}: must be a share between 0 and 1, such as 0.1 for 10 %")
    if mirrored and share is not None:
        raise WrongCommand("--mirrored: copies of requests have no share of the traffic, so none with --share")
    details = {} if metadata is None else _metadata(metadata)
    fields = {"model": model, "candidate": candidate, "baseline": baseline, "traffic_share": share}
    return _made(
        "release", {**fields, "metadata": details, "mirrored": mirrored, "rings": [_ring(each) for each in rings]}, by
    )


def override(model: str, version: str, revoked: bool, by: str | None) -> AnyCommand:
    """Return the command that lets a version run, or revokes that. WrongCommand."""
    return _made("override", {"model": model, "version": version, "revoked": revoked}, by)


def kill(model: str, version: str, by: str | None) -> AnyCommand:
    """Return the command that takes a version out. WrongCommand."""
    return _made("kill", {"model": model, "version": version}, by)


def rollback(model: str, version: str, to: str | None, by: str | None) -> AnyCommand:
    """Return the command that takes a version out and says where its traffic goes. WrongCommand."""
    if version == to:
        raise WrongCommand(f"the traffic of {version!r} would go to {to!r}")
    return _made("rollback", {"model": model, "version": version, "to": to}, by)


def pin(model: str, version: str, by: str | None) -> AnyCommand:
    """Return the command that sends all traffic to a version. WrongCommand."""
    return _made("pin", {"model": model, "version": version}, by)


def unpin(model: str, by: str | None) -> AnyCommand:
    """Return the command that ends a model's pin. WrongCommand."""
    return _made("unpin", {"model": model}, by)


def ack(model: str, event: str, by: str | None) -> AnyCommand:
    """Return the command that acknowledges a control event. WrongCommand."""
    return _made("ack", {"model": model, "event": event}, by)


def silence(model: str | None, rule: str | None, span: str | None, until: str | None, by: str | None) -> AnyCommand:
    """Return the command that mutes alerts for a span ("2h"), or until a time in RFC 3339. WrongCommand."""
    if model is None and rule is None:
        raise WrongCommand("a silence needs --model, --rule or both")
    now = _now_ms()
    end = _end_ms(span, until, now)
    if end <= now:
        raise WrongCommand(f"the silence would be over already: it ends at {clock(end)}, and now it is {clock(now)}")
    if end - now > SILENCE_MS_MAX:
        raise WrongCommand("a silence lasts at most 7 days: change the policy to hear no more of a rule")
    return _made("silence", {"ts": now, "model": model, "rule": rule, "until": end}, by)


def unknown_rule(where: Settings, rule: str) -> str | None:
    """Say that the local policy has no rule of that name, None if it has; the worker's policy may differ."""
    try:
        names = [rule.name for policy in load_policy(where.policy).each for rule in policy.rules]
    except PolicyError:
        return None
    if rule in (*names, *RESERVED) or ":" in rule:
        return None
    near = get_close_matches(rule, names, 1)
    return f"{where.policy} has no rule {rule!r}" + (f", but {near[0]!r}" if near else "")


def unsilence(model: str | None, rule: str | None, by: str | None) -> AnyCommand:
    """Return the command that ends a silence. WrongCommand."""
    if model is None and rule is None:
        raise WrongCommand("a silence has --model, --rule or both")
    return _made("unsilence", {"model": model, "rule": rule}, by)


def send(command: AnyCommand, where: Settings, file: Path | None, key: str | None = None) -> None:
    """Store a command in its topic, or as a line of `file`. KafkaFailure, OSError, PolicyError, WrongCommand.

    It is signed with the policy's key of the id `key`, or with the environment's key, if there is one. A command that
    the key has no right to is not sent: the worker would refuse it, and the sender might never hear of that.
    """
    if key is not None and key != DEFAULT_KEY:
        policy = load_policy(where.policy)
        secret = secret_of(where, policy, key)
        fault = forbidden(command, next(each for each in policy.commands.key if each.id == key), None)
        if fault is not None:
            raise WrongCommand(fault[1])
        command = signed(msgspec.structs.replace(command, key=key), secret)
    elif where.command_key is not None:
        command = signed(command, where.command_key)
    elif key is not None:
        raise WrongCommand(f"--key {key}: ROLLGUARD_COMMAND_KEY is not set")
    body = msgspec.json.encode(command)
    if file is not None:
        append_to_file(file, body)
    else:
        send_to_topic(where.kafka, where.commands_topic, command.model, body)


def _made(kind: str, fields: dict[str, object], by: str | None) -> AnyCommand:
    stamped = {"type": kind, "id": str(uuid.uuid4()), "ts": _now_ms(), "by": myself() if by is None else by, **fields}
    try:
        command: AnyCommand = msgspec.convert(stamped, AnyCommand)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        raise WrongCommand(f"{path.strip('.`') or kind}: {what}") from error
    fault = reserved.fault_of_command(command)
    if fault is not None:
        raise WrongCommand(f"{fault[1]}: it is one of rollguard's own")
    return command


def _ring(text: str) -> dict[str, str]:
    """Return a slice such as "region=eu,tier=free" by dimension. WrongCommand."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name and mark for name, mark, _ in pairs) or len({name for name, _, _ in pairs}) < len(pairs):
        raise WrongCommand(f"--ring {text!r}: must be a slice such as region=eu or region=eu,tier=free")
    return {name: value for name, _, value in pairs}


def _metadata(path: Path) -> dict[str, object]:
    try:
        details: dict[str, object] = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except OSError as error:
        raise WrongCommand(f"--metadata {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongCommand(f"--metadata {path}: {error}") from error
    if strange := sorted(details.keys() - ARMS):
        raise WrongCommand(f'--metadata {path}: has {strange[0]!r}, not only "candidate" and "baseline"')
    return details


def _end_ms(span: str | None, until: str | None, now: int) -> int:
    if (span is None) == (until is None):
        raise WrongCommand("a silence needs either --for or --until")
    if until is None:
        try:
            return now + Duration(span or "").ms
        except ValueError as error:
            raise WrongCommand(f"--for {span!r}: {error}") from error
    try:
        return time_ms(until)
    except ValueError as error:
        raise WrongCommand(f"--until {until!r}: {error}") from error


def _now_ms() -> int:
    return int(time.time() * 1000)


def myself() -> str:
    """Return the sender of commands: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # In containers a user may have no name.
        user = "unknown"
    return f"{user}@{socket.gethostname()}"[:TEXT_MAX]
