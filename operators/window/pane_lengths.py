"""Panes of a new length: the numbers of old panes as those of new ones, and what the old ones left.

What an open pane held when the worker stopped can be neither divided nor added to panes of another length. It is stored
as it stood, in a row with the length of its own pane, and so is what closed but was not stored yet. All that comes
later counts in panes of the new length. These begin in full with the first pane that starts where panes of both lengths
do, and no earlier than anything that was left; events from before it are late. So each event is in one row of one
length, and panes of both lengths add up.
"""

from math import lcm
from typing import NamedTuple

import msgspec
import numpy as np

from operators.policy.policy import Policy
from operators.window.estimating import Estimating
from operators.window.partial import Partial
from operators.window.splitting import take
from operators.window.watermark import END, NEVER


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """What came in under a pane of another length, `pane` by number: it is stored, and no rule or window sees it.

    `counted`: its pane has closed, so that only what came on time is still to be stored.
    """

    pane: int
    pane_ms: int
    on_time: Partial | None = None
    late: Partial | None = None
    counted: bool = False


class PaneLengths(NamedTuple):
    """The length of panes before and now, ms."""

    before: int
    now: int

    @property
    def same(self) -> bool:
        return self.before == self.now

    def pane(self, pane: int) -> int:
        """Return the number of the pane of length `now` in which this pane of length `before` begins.

        >>> [PaneLengths(10_000, 60_000).pane(pane) for pane in (0, 5, 6, NEVER)] == [0, 0, 1, NEVER]
        True
        """
        return pane if pane in (NEVER, END) else pane * self.before // self.now

    def after(self, pane: int) -> int:
        """Return the first pane of length `now` after this `pane` that begins where one of length `before` does.

        >>> PaneLengths(10_000, 60_000).after(5), PaneLengths(60_000, 10_000).after(5), PaneLengths(4, 6).after(0)
        (1, 36, 2)
        """
        together = lcm(self.before, self.now)
        return -(-(pane + 1) * self.before // together) * (together // self.now)


def left_of(pane: int, whole: Partial, before: Policy, estimating: Estimating) -> Leftover:
    """Return what came in so far under an open pane, as it counts; names past a limit are folded already."""
    late = int(np.searchsorted(whole.late, 1))
    return Leftover(
        pane=pane,
        pane_ms=before.pane_ms,
        on_time=estimating.fill(take(whole, 0, late), pane) if late else None,
        late=take(whole, late, whole.rows) if late < whole.rows else None,
    )
