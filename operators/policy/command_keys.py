"""Who may give commands: keys, and what each allows."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

DEFAULT_KEY = "default"  # The id of the key in ROLLGUARD_COMMAND_KEY, which has all rights.
# What a key may allow: one right for each type of command, and one to silence all models at once.
RIGHTS = ("release", "override", "kill", "rollback", "pin", "unpin", "ack", "silence", "unsilence", "silence-all")


class CommandKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[[commands.key]]`: whose key it is, which commands it allows, and on which models (file-name patterns).

    Its secret is in the variable `env` or in a `file`. Commands dated at or after `retired` are refused. With `relays`
    it belongs to a program that people use, such as the page: a command that it signs is by the person that it names.
    """

    id: str
    name: str
    models: tuple[str, ...] = ("*",)
    types: tuple[str, ...] = RIGHTS
    env: str | None = None
    file: str | None = None
    retired: Annotated[datetime, Meta(tz=True)] | None = None
    relays: bool = False


class Commands(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[commands]`: whether commands must be `signed`, and by which keys; without keys, by that in the environment."""

    signed: bool = False
    key: tuple[CommandKey, ...] = ()
