"""Is a partition too far behind the broker's clock? Judged by the broker's own times: a function of its log alone.

Nobody waits for such a partition while another one of events is near that clock: panes close without it, and nothing is
decided on what it holds. Whether another one is near is not known here: see `release/behind.py`. A log that is read
later than it was written is not behind, as only the two times in it count.
"""

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.passed import Passed
from operators.texts import age
from operators.window.watermark import NEVER
from operators.wire.control import Notice

SHARE_MAX = 0.5  # Of the items of a block that may come while their partition is behind.
SHARE_OVER = 0.1  # Where people were told, it is over at so few.
BLOCK_MS = 60_000  # A block lasts so long at least, by the broker's clock,
ITEMS_MIN = 20  # and has so many items.
SAMPLE = 64  # Ages that are kept of a block, of items evenly apart.
MOST = 0.9  # Of the items that are behind: how old these are at most is told.
NONE = np.zeros(0, np.int64)


class BehindShare(msgspec.Struct, kw_only=True):
    """The block under way: when it `began`, its items, how many came while their partition was `behind`.

    `time` is the broker's of the last item; both Unix ms. `ages` [ms] are those of every `stride`-th item when it came,
    NEVER of one that was not behind. `announced` is whether people were told that the partition is behind,
    None before they were told anything; `blocks` counts those that ended.
    """

    began: int = NEVER
    time: int = NEVER
    items: int = 0
    behind: int = 0
    ages: Ints = NONE
    stride: int = 1
    blocks: int = 0
    announced: bool | None = None

    def take(self, source: str, passed: Passed, behind_ms: int, *, leads: bool) -> list[tuple[int, Notice]]:
        """Take items by how they moved time; those without a time of the broker or of the partition do not count.

        Return what is to be told, with the broker's time at which it is known. `leads`: it is a partition of events,
        which says how far time is where it is near the broker's clock; of such a one the first block is told, too.
        """
        known = (passed.appended > NEVER) & (passed.after > NEVER)
        appended = passed.appended[known]
        ages = np.where(appended - passed.after[known] > behind_ms, appended - passed.times[known], NEVER)
        stamps = np.maximum.accumulate(np.maximum(appended, self.time))
        notices: list[tuple[int, Notice]] = []
        start = 0
        while start < len(stamps):
            if not self.items:
                self.began = int(stamps[start])
            whole = int(np.searchsorted(stamps, self.began + BLOCK_MS))
            end = min(max(whole, start + ITEMS_MIN - self.items), len(stamps))
            if end > start:
                self._add(ages[start:end])
                self.time = int(stamps[end - 1])
            if end < len(stamps):  # Whether a block ends where a batch does is for the next item to say.
                notice = self._notice(source, behind_ms, leads=leads)
                notices += [] if notice is None else [(int(stamps[end]), notice)]
                self.items, self.behind, self.ages, self.stride = 0, 0, NONE, 1
            start = end
        return notices

    def _add(self, ages: Ints) -> None:
        self.ages = np.concatenate((self.ages, ages[-self.items % self.stride :: self.stride]))
        while len(self.ages) > SAMPLE:
            self.ages, self.stride = self.ages[::2].copy(), 2 * self.stride
        self.items += len(ages)
        self.behind += int((ages > NEVER).sum())

    def _age(self, least: int) -> int:
        """Return how old most items are that were behind, [ms]."""
        ages = np.sort(self.ages[self.ages > NEVER])
        return max(least, int(ages[int(MOST * len(ages))])) if len(ages) else least

    def _notice(self, source: str, behind_ms: int, *, leads: bool) -> Notice | None:
        self.blocks += 1
        share_max = SHARE_OVER if self.announced else SHARE_MAX
        over = self.behind > share_max * self.items
        before, self.announced = self.announced, over
        if over == before or not (over or before or leads):
            return None
        limit = f"[time] behind_max, {age(behind_ms)}"
        return Notice(
            kind="behind",
            source=source,
            number=self.blocks,
            severity="page" if over else None,
            bad=self.behind,
            n=self.items,
            share_max=share_max,
            what=f"items are up to {age(self._age(behind_ms))} old when they come, more than {limit}"
            if over
            else f"{self.behind} of {self.items} items came further behind than {limit}",
            leads=leads and not over,
        )
