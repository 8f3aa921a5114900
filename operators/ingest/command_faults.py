"""Commands of one partition: why a decoded command is refused, and what people are told about it (`Refusal`).

The shard that obeys a command makes sure that it is taken only once: `operators/window/waiting_commands.py`.
"""

from collections.abc import Sequence

import msgspec

from operators.ingest import reserved
from operators.ingest.command_targets import targets_fault
from operators.ingest.credentials import Credentials
from operators.ingest.formats.origin import Origin, Reject
from operators.policy.policy import Policy
from operators.texts import DETAIL_MAX, cut
from operators.window.waiting_commands import UNCLAIMED
from operators.window.waiting_commands import Obeyed as Seen  # noqa: F401  # The name in older stores.
from operators.wire.commands import SILENCE_MS_MAX, AnyCommand, Release, Rollback, Silence, Unsilence
from operators.wire.control import Refusal
from operators.wire.events import TS_MS_MAX, TS_MS_MIN, Id, ms_of
from operators.wire.fitting import slim

MODELS_NAMED_MAX = 10  # Per message; refusals for further models become one, under no model.


class _Context(msgspec.Struct):
    model: Id | None = None


def command_fault(
    command: AnyCommand, origin: Origin, index: int, credentials: Credentials, policy: Policy
) -> tuple[str, str] | None:
    """Return why a decoded command is refused regardless of earlier ones, as (reason, detail)."""
    if credentials.asks:
        appended_ms = int(origin.received_ms[index]) if origin.appended[index] else None
        fault = credentials.fault_of(command, origin.text(index), appended_ms)
        if fault is not None:
            return fault
    return reserved.fault_of_command(command) or _nonsense(command, policy)


def _nonsense(command: AnyCommand, policy: Policy) -> tuple[str, str] | None:
    if isinstance(command, Release):
        why = _nonsense_of(command) or targets_fault(command, policy)
        return None if why is None else ("bad_command", why)
    if isinstance(command, Rollback) and command.to == command.version:
        return "bad_command", f"the traffic of {command.version!r} would go to {command.to!r}"
    if isinstance(command, Silence | Unsilence) and command.model is None and command.rule is None:
        return "bad_command", "a silence needs a model or a rule"
    if isinstance(command, Silence):
        until = ms_of(command.until)
        if not TS_MS_MIN <= until <= TS_MS_MAX:
            return "absurd_timestamp", f"until is {until} ms since 1970"
        if until - ms_of(command.ts) > SILENCE_MS_MAX:
            return "bad_command", "a silence lasts at most 7 days"
    return None


def _nonsense_of(release: Release) -> str | None:
    if release.candidate == release.baseline:
        return f"candidate and baseline are both {release.candidate!r}"
    shared = release.mirrored and release.traffic_share is not None
    return "copies of requests have no share of the traffic" if shared else None


def nobodys(command: AnyCommand, source: str, place: tuple[int, int]) -> Refusal:
    """Return the refusal of a command for a model that no policy file takes."""
    detail = (
        f"no policy file of this worker takes model {command.model!r}: nothing of it is changed unless it was known; "
        f"command {command.id}"
    )
    position, item = place
    return Refusal(source=source, position=position, item=item, reason=UNCLAIMED, detail=cut(detail, DETAIL_MAX))


def kept(command: AnyCommand) -> AnyCommand:
    """Return a command without fields that are never read, as it is held until its pane closes, and saved."""
    return slim(command) if isinstance(command, Release) else command


def refusals(rejects: Sequence[Reject], source: str) -> list[Refusal]:
    """Return the refusals of the commands of one message, one for each reason and model.

    The model is named where it can be read; what cannot be a model's name counts as none.
    """
    found: dict[tuple[str, str], Refusal] = {}
    models: set[str] = set()
    for reject in rejects:
        model = _model_of(reject.value)
        if model not in models:
            model = model if len(models) < MODELS_NAMED_MAX else ""
            models.add(model)
        before = found.get((reject.reason, model))
        if before is not None:
            found[reject.reason, model] = msgspec.structs.replace(before, count=before.count + 1)
            continue
        found[reject.reason, model] = Refusal(
            source=source,
            position=reject.position,
            item=reject.item,
            reason=reject.reason,
            detail=cut(reject.detail, DETAIL_MAX),
            model=model,
        )
    return list(found.values())


def _model_of(value: bytes) -> str:
    try:
        model = msgspec.json.decode(value, type=_Context).model or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return "" if reserved.is_reserved(model) else model
