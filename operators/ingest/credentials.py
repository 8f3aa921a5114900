"""Who may give which command: a command is authenticated by the key that signed it, and limited to its rights."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from operators.policy.command_keys import DEFAULT_KEY, CommandKey
from operators.wire.commands import AnyCommand, Silence, Unsilence
from operators.wire.events import TEXT_MAX, ms_of
from operators.wire.signing import signature_fault


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its secret, which is never shown."""

    key: CommandKey
    secret: str

    def __repr__(self) -> str:
        return f"Held(key={self.key.id!r})"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that commands must be signed with, by id; no keys where they need no signature.

    `key` is the secret of the key without an entry in the policy, which has all rights.
    """

    key: str | None = None
    held: Mapping[str, Held] = {}

    def __repr__(self) -> str:
        return f"Credentials(keys={sorted(self._all())})"

    @property
    def asks(self) -> bool:
        """Whether commands need a signature."""
        return bool(self._all())

    def fault_of(self, command: AnyCommand, body: bytes, appended_ms: int | None = None) -> tuple[str, str] | None:
        """Return why a command is not believed or not allowed, as (reason, detail); `body` is the whole message.

        `appended_ms` [Unix ms] is when a broker got it, by its own clock; None where only the sender gives a time.
        """
        known = self._all()
        name = command.key or DEFAULT_KEY
        held = known.get(name)
        if held is None and not command.signature:
            return "unsigned", "the command has no signature"
        if held is None:
            return "unknown_key", f"there is no key {name!r}"
        return signature_fault(body, held.secret) or forbidden(command, held.key, appended_ms)

    def attributed(self, command: AnyCommand) -> AnyCommand:
        """Return an authenticated command attributed to the owner of the key that signed it, whatever it claims.

        For a key that relays, it is attributed to the sender that the command names, through that key.
        """
        held = self._all().get(command.key or DEFAULT_KEY)
        if held is None:
            return command
        through = f" through {held.key.name}"
        by = command.by[: TEXT_MAX - len(through)] + through if held.key.relays and command.by else held.key.name
        return msgspec.structs.replace(command, by=by)

    def _all(self) -> dict[str, Held]:
        one = CommandKey(id=DEFAULT_KEY, name=DEFAULT_KEY)
        alone = {} if self.key is None else {DEFAULT_KEY: Held(key=one, secret=self.key)}
        return alone | dict(self.held)


def forbidden(command: AnyCommand, key: CommandKey, appended_ms: int | None) -> tuple[str, str] | None:
    """Return why a key may not give this command. One from before its key was retired stays as valid as it was.

    The holder of a key can put any time in a command, but cannot choose when the broker gets it.
    """
    given_ms = max(ms_of(command.ts), appended_ms or 0)
    if key.retired is not None and given_ms >= ms_of(key.retired):
        return "retired_key", f"key {key.id} was retired before the command was given"
    right = str(command.__struct_config__.tag)
    every = isinstance(command, Silence | Unsilence) and command.model is None
    if every and ("silence-all" not in key.types or "*" not in key.models):
        return "not_allowed", f"key {key.id} may not silence all models"
    if right not in key.types:
        return "not_allowed", f"key {key.id} may not {right}"
    if not every and not any(fnmatchcase(command.model or "", pattern) for pattern in key.models):
        return "not_allowed", f"key {key.id} has no right to model {command.model}"
    return None
