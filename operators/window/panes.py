"""Open panes of one shard, closed in order once the watermark has passed them.

A pane closes for all its series at once. Late events are kept under the pane that their partition had reached
when they came in, and leave with it as rows of their own: they never reopen a decision, and wait no longer.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.policy import Policy
from operators.window.limits import Limits, limit_error_types
from operators.window.partial import Partial, merge, take
from operators.window.watermark import NEVER, Mark, Watermark

PARTS_MAX = 16  # Partials an open pane may collect before they are merged into one.


class ShardInput(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch of one partition says to one shard: its mark, and partials by closing pane."""

    shard: int
    mark: Mark
    partitions: tuple[str, ...]
    partials: Sequence[tuple[int, Partial]] = ()


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """Pane number `pane` and all before it are closed; `end` says that no other follows.

    `on_time` and `late` are what came in under this pane, None where nothing did.
    """

    pane: int
    on_time: Partial | None = None
    late: Partial | None = None
    end: bool = False


class Panes:
    """The open panes of one shard. State: a few partials per open pane, and the limits' lists of names."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.watermark: Watermark | None = None
        self.open: dict[int, list[Partial]] = {}
        self.limits = Limits()
        self.closed = NEVER  # Number of the last pane that closed.

    @property
    def lag_ms(self) -> int:
        """Event time from the watermark to the newest event, Unix ms; 0 before any, and once all has ended."""
        if self.watermark is None or self.watermark.ended or self.watermark.low_ms <= NEVER:
            return 0
        return self.watermark.newest_ms - self.watermark.low_ms

    def push(self, item: ShardInput) -> list[Closed]:
        """Take one input and return the panes that it closes, in order."""
        if self.watermark is None:
            self.watermark = Watermark(partitions=item.partitions, disorder_ms=self.policy.disorder_ms)
        self.watermark.update(item.mark)
        for pane, partial in item.partials:
            parts = self.open.setdefault(pane, [])
            parts.append(partial)
            if len(parts) > PARTS_MAX:
                self.open[pane] = [merge(parts)]
        return self._close(self.watermark)

    def _close(self, watermark: Watermark) -> list[Closed]:
        pane_ms = self.policy.pane_ms
        last = watermark.newest_ms // pane_ms if watermark.ended else watermark.low_ms // pane_ms - 1
        if last <= self.closed or (not self.open and self.closed == NEVER):
            return []
        due = sorted(pane for pane in self.open if pane <= last)
        if not due and self.closed == NEVER:
            return []
        out = [self._close_one(pane) for pane in due]
        self.closed = last
        if watermark.ended or not due or due[-1] != last:
            out.append(Closed(pane=last, end=watermark.ended))
        return out

    def _close_one(self, pane: int) -> Closed:
        parts = self.open.pop(pane)
        whole = merge(parts, self.limits.rename(parts, pane, self.policy))
        whole = limit_error_types(whole, self.policy.error_types_max)
        on_time = int(np.searchsorted(whole.late, 1))
        return Closed(
            pane=pane,
            on_time=take(whole, 0, on_time) if on_time else None,
            late=take(whole, on_time, whole.rows) if on_time < whole.rows else None,
        )
