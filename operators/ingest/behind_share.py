"""Is a partition too far behind the broker's clock? Judged by the broker's own times: a function of its log alone.

Such a partition is not waited for while another partition of events is near that clock: panes close without it, and
nothing is decided on what it holds. Whether another one is near is not known here: see `release/behind.py`. A log that
is read later than it was written is not behind, as only the two times in it count.
"""

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.passed import Passed
from operators.texts import age
from operators.window.watermark import NEVER
from operators.wire.control import Notice

SHARE_MAX = 0.5  # The share of a block's items that may come while their partition is behind.
SHARE_OVER = 0.1  # Once announced, it is over below this share.
BLOCK_MS = 60_000  # A block lasts at least this long, by the broker's clock,
ITEMS_MIN = 20  # and has at least this many items.
SAMPLE = 64  # Ages kept per block, of evenly spaced items.
MOST = 0.9  # The reported age is that of this quantile of the items that are behind.
NONE = np.zeros(0, np.int64)


class BehindShare(msgspec.Struct, kw_only=True):
    """The block under way: when it `began`, its items, how many came while their partition was `behind`.

    `time` is the broker's time of the last item; both Unix ms. `ages` [ms] are those of every `stride`-th item when it
    came, NEVER for one that was not behind. `announced` is whether people were told that the partition is behind, None
    before they were told anything; `blocks` counts those that ended.
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
        """Take items by how they moved time; items without a broker's or a partition's time do not count.

        Return notices with the broker's time at which each is known. `leads`: it is a partition of events, which sets
        the time when it is near the broker's clock; its first block is reported in any case.
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
            if end < len(stamps):  # Whether a block ends where a batch does, only the next item decides.
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
        """Return the age of most items that were behind, [ms]."""
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
