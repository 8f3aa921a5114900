"""How far a shard has counted, as rows of table `progress`: one for each closed pane in which anything came in.

Several workers may write there, and their files may share a name. The models that they take tell them apart, as no
model belongs to two.
"""

from collections.abc import Iterable
from hashlib import blake2b

from operators.policy.policy import Policy
from operators.store.rows import Column, Rows
from operators.window.pane_items import Closed
from operators.window.partial import Partial


def shard_in_rows(shard: str, policy: Policy) -> str:
    """Return the name of a shard of one policy of a worker; with a digest of its models, where it is for some only."""
    name = f"{shard}/{policy.team}" if policy.slot_prefix else shard
    if not policy.models:
        return name
    return f"{name}#{blake2b(chr(0).join(sorted(policy.models)).encode(), digest_size=4).hexdigest()}"


def progress_rows(closed: Iterable[tuple[str, Closed, Policy]]) -> list[Rows]:
    """Return a row for each pane, with its shard and policy, in which anything came in; empty ones depend on chance.

    How late it is stored is the difference of `inserted_at` and `at`.
    """
    some = [each for each in closed if _came(each[1])]
    columns: dict[str, Column] = {
        "shard": [shard for shard, _, _ in some],
        "at": [(pane.pane + 1) * policy.pane_ms for _, pane, policy in some],
        "requests": [_requests(pane.on_time) + _requests(pane.rest) for _, pane, _ in some],
        "late": [_requests(pane.late) for _, pane, _ in some],
        "ver": [1 for _ in some],
    }
    return [Rows(table="progress", columns=columns)] if some else []


def _came(closed: Closed) -> bool:
    return not (closed.on_time is None and closed.late is None and closed.rest is None)


def _requests(part: Partial | None) -> int:
    return 0 if part is None else int(part.outcomes[:, 2].sum())
