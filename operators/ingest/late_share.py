"""Is too much of a partition late? Judged minute by minute of its own time: a function of its log alone.

Late events are kept apart and decide nothing, so a wrong clock, or one that moved the partition's time, blinds
rollguard: people are told when that begins, when it grows worse, and when it is over.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.spans import MINUTE_MS
from operators.window.watermark import NEVER
from operators.wire.control import Notice, Severity

SHARE_MAX = 0.1
SHARE_PAGE = 0.5  # Above this, most of what comes in decides nothing.
ITEMS_MIN = 50  # Items of a block at least, as fewer say little about a share.
CROWD = 2  # While time stands still, a block ends with this many times the items of the last minute,
CROWD_MIN = 1_000  # or with this many items, if that is more.


class LateShare(msgspec.Struct, kw_only=True):
    """The block under way: its `minute`, its items and how many are late; `usual` is how many the last minute had.

    `time` is that of the partition after the last item. `announced` is the severity that people were told, None
    while nothing is wrong; `blocks` counts those that ended.
    """

    minute: int = NEVER
    time: int = NEVER
    items: int = 0
    late: int = 0
    usual: int = 0
    blocks: int = 0
    announced: Severity | None = None

    def take(self, source: str, after: Ints, late: NDArray[np.bool_]) -> list[tuple[int, Notice]]:
        """Take items by the partition's time after each [Unix ms] and whether each is late, both (n,).

        Return notices for people, each with the partition's time at which it holds.
        """
        notices: list[tuple[int, Notice]] = []
        start = 0
        while start < len(after):
            if not self.items:
                self.minute = int(after[start]) // MINUTE_MS
            passed = int(np.searchsorted(after, (self.minute + 1) * MINUTE_MS))
            stop = max(passed, start + ITEMS_MIN - self.items)
            crowd = start + max(CROWD * self.usual, CROWD_MIN) - self.items
            end = min(stop, crowd, len(after))
            if end > start:
                self.items += end - start
                self.late += int(np.count_nonzero(late[start:end]))
                self.time = int(after[end - 1])
            # Whether time ends a block where a batch ends, only the next item decides.
            if end == crowd or end < len(after):
                self.usual = self.usual if end == crowd else self.items
                notice = self._notice(source)
                notices += [] if notice is None else [(self.time, notice)]
                self.items = self.late = 0
            start = end
        return notices

    def _notice(self, source: str) -> Notice | None:
        share = self.late / self.items
        severity: Severity | None = None
        if share > SHARE_MAX:
            severity = "page" if share > SHARE_PAGE else "ticket"
        self.blocks += 1
        before, self.announced = self.announced, severity if severity is None or self.announced != "page" else "page"
        if self.announced == before:
            return None
        return Notice(
            kind="late",
            source=source,
            number=self.blocks,
            severity=severity,
            bad=self.late,
            n=self.items,
            share_max=SHARE_MAX,
            what=f"{self.late} of {self.items} items were late",
        )
