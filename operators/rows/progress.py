"""How far a shard has counted, as rows of table `progress`: one for each closed pane in which something came in."""

from operators.policy.policy import Policy
from operators.store.rows import Column, Rows
from operators.window.panes import Closed
from operators.window.partial import Partial


def progress_rows(shard: str, closed: Closed, policy: Policy) -> list[Rows]:
    """Return the row of a closed pane, if anything came in with it: which others are told depends on chance.

    How late it is stored is the difference of `inserted_at` and `at`.
    """
    if closed.on_time is None and closed.late is None and closed.rest is None:
        return []
    columns: dict[str, Column] = {
        "shard": [shard],
        "at": [(closed.pane + 1) * policy.pane_ms],
        "requests": [_requests(closed.on_time) + _requests(closed.rest)],
        "late": [_requests(closed.late)],
        "ver": [1],
    }
    return [Rows(table="progress", columns=columns)]


def _requests(part: Partial | None) -> int:
    return 0 if part is None else int(part.outcomes[:, 2].sum())
