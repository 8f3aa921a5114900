"""How models are spread over shards; a recovery folder fixes their number for good (`policy.shards`, `.spread`)."""

from functools import lru_cache
from hashlib import blake2b

from operators.policy.policy import Policy


def shard_name(shard: int) -> str:
    """Return the name under which a shard's state is kept and its rest is counted."""
    return f"s{shard:02d}"


def models_room(models_max: int, shards: int) -> int:
    """Return how many models each shard tells apart, so that `models_max` models of any names find room.

    Models fall on shards like balls into urns: with m on average, one of 64 shards gets more than m + 5 sqrt(m) + 1
    in less than one of 1,000 sets of names. So all shards together may tell apart more than `models_max`.

    >>> [(models_max, models_room(models_max, 64), 64 * models_room(models_max, 64)) for models_max in (1, 100, 1_000)]
    [(1, 2, 128), (100, 9, 576), (1000, 37, 2368)]
    """
    mean = models_max / shards
    return int(mean + 5 * mean**0.5) + 2


@lru_cache(maxsize=10_000)
def shard_of(model: str, shards: int) -> int:
    """Return the shard of a model: the same in every process, unlike Python's own hash."""
    return int.from_bytes(blake2b(model.encode(), digest_size=8).digest()) % shards


def home_of(model: str, policy: Policy) -> int:
    """Return the shard of a model under its own policy; for what is about no model (""), its shard under the worker's.

    Each of several files keeps its models in few shards, as a pane costs something per file and shard.
    """
    own = (policy.of(model) if model else None) or policy
    if own.spread == own.shards:
        return shard_of(model, own.shards)
    return (shard_of(own.team, own.shards) + shard_of(model, own.spread)) % own.shards
