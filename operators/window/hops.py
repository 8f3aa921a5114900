"""Hops of windows from closed panes: which hops end with them, rolled up together where they end soon after each other.

All are rolled up when the first is asked for: a hop of few rows costs little but its arrays.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from operators.window.pane_items import Closed
from operators.window.partial import Partial, unwatched
from operators.window.rolled_hops import EndedHop, RolledHops, rolled_hops
from operators.window.series_index import SeriesIndex
from operators.window.watermark import END, NEVER

# At most so many rows, and so many panes, are taken together: their arrays then hold a megabyte.
ROWS_MAX, PANES_MAX = 1_000, 64


Together = Callable[[Sequence[Partial], int], Partial]  # Merges the panes of a hop into one with the number of the hop.


class TakenHop(NamedTuple):
    """A hop that ended, its panes as one `part`, and where it stands among hops `rolled` up; None if they are not."""

    ended: EndedHop
    part: Partial
    rolled: RolledHops | None
    at: int


class Hops:
    """State: the hop of `panes` panes that has begun, and those that ended with the last panes, until taken."""

    def __init__(self, panes: int, together: Together, *, roll_up: bool) -> None:
        self.panes = panes
        self._together, self._rolls = together, roll_up
        self._parts, self._number = list[Partial](), NEVER
        self._ended = deque[EndedHop]()
        self._wholes = list[Partial]()
        self._rolled: RolledHops | None = None

    @property
    def next_end(self) -> int:
        """The pane that ends the next hop with events, END where none is known."""
        return (self._ended[0].number + 1) * self.panes - 1 if self._ended else END

    def push(self, closed: Sequence[Closed]) -> None:
        """Take closed panes, in order, once all hops that ended are taken."""
        self._wholes, self._rolled = [], None
        for each in closed:
            number, nth = divmod(each.pane, self.panes)
            if number > self._number:
                self._end()
            if each.on_time is not None:
                self._parts.append(unwatched(each.on_time))
                self._number = number
            if nth == self.panes - 1 or each.end:
                self._end(whole=nth < self.panes - 1)

    def take(self, number: int, slots: SeriesIndex) -> TakenHop | None:
        """Return the hop of this number, counted into slots, if it has events; earlier hops must have been taken."""
        if not self._ended or self._ended[0].number != number:
            return None
        if not self._wholes:
            self._wholes = [self._together(each.parts, each.number) for each in self._ended]
            self._rolled = rolled_hops(self._ended, self._wholes, slots) if self._rolls else None
        at = len(self._wholes) - len(self._ended)
        taken = TakenHop(self._ended.popleft(), self._wholes[at], self._rolled, at)
        if not self._ended:
            self._wholes, self._rolled = [], None
        return taken

    def _end(self, *, whole: bool = False) -> None:
        if self._parts:
            self._ended.append(EndedHop(self._number, self._parts, whole))
            self._parts = []


def few_together(closed: Iterable[Closed]) -> Iterator[list[Closed]]:
    """Yield closed panes in their order: neighbours of few rows together, others by themselves.

    >>> panes = [Closed(pane=0), Closed(pane=1, end=True), Closed(pane=2)]
    >>> [[each.pane for each in some] for some in few_together(panes)]
    [[0, 1], [2]]
    """
    some, rows = list[Closed](), 0
    for each in closed:
        own = 0 if each.on_time is None else each.on_time.rows
        if some and (rows + own > ROWS_MAX or len(some) == PANES_MAX or some[-1].end):
            yield some
            some, rows = [], 0
        some.append(each)
        rows += own
    if some:
        yield some
