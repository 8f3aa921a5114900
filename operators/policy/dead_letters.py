"""Refused input: how much is tolerated, and what is kept of it."""

from typing import Literal

import msgspec

from operators.policy.reading import Positive, Share

Keep = Literal["structure", "full"]


class DeadLetters(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[dead_letters]`: an alert fires when more than `share_max` of `block` messages contain something refused.

    With `on_refused` = "stop" the worker stops instead.
    `keep` says what is kept of refused input: its structure alone, or the original bytes, up to `value_bytes_max`.
    """

    share_max: Share = 0.2
    on_refused: Literal["quarantine", "stop"] = "quarantine"
    block: Positive = 1_000
    keep: Keep = "structure"
    value_bytes_max: Positive = 65_536
    message_bytes_max: Positive = 1_048_576
