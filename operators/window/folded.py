"""What a closing pane held beyond the limits: counted as `__other__`, and reported in an alert."""

from typing import Literal

import msgspec

from operators.window.partial import OTHER
from operators.window.shards import shard_name

Kind = Literal["models", "versions", "series"]


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """How many `names` of one kind had no place of their own in a pane, and their `events`.

    `model` is their model, or `__other__/sNN`, the rest of their shard, where models themselves are beyond the limit.
    """

    kind: Kind
    model: str
    names: int
    events: int


def rest_of(shard: int) -> tuple[str, str]:
    """Return the model under which alerts name the rest of a shard, and its version of model `__other__` in rows.

    Every shard counts its own rest: rows of two shards must not have the same key, nor their events the same model.

    >>> rest_of(7)
    ('__other__/s07', 's07')
    """
    name = shard_name(shard)
    return f"{OTHER}/{name}", name
