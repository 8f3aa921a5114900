"""All windows of one shard, moved on pane by pane: closed panes go in, the windows that ended come out.

Only panes move time on, so what comes out is a function of the closed panes alone. A window is yielded when
events lie in it; once it has slid past its last events it is empty, and silent.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.window.held_hop import pack_hop
from operators.window.hops import Hops, TakenHop, few_together
from operators.window.leaf_index import LEAVES_PANES, LeafIndex
from operators.window.pane_lengths import Leftover
from operators.window.panes import Closed
from operators.window.partial import Partial, merge
from operators.window.series_index import SeriesIndex
from operators.window.sliding import RunningWindow, WindowCounts
from operators.window.tumbling import TumblingWindow
from operators.window.watermark import NEVER


class PaneWithWindows(msgspec.Struct, frozen=True, kw_only=True):
    """A closed pane, and the windows that ended with it or in the quiet panes before it.

    `stored` are the panes of the store that ended likewise, of `policy.stored_ms` each, by number; `left` those of
    another length that are stored as they are.
    """

    closed: Closed
    windows: Sequence[WindowCounts]
    stored: Sequence[Partial] = ()
    left: Sequence[Leftover] = ()


SLOTS_MIN = 1_000  # Fewer slots than this are not worth making anew.


class Windows:
    """State: one running window per window of the policy, with its ring; panes of the hops not yet ended."""

    def __init__(self, policy: Policy, quantiles: Sequence[float]) -> None:
        self.policy = policy
        self.quantiles = tuple(quantiles)
        self.slots = SeriesIndex(policy.dimensions, policy.grains)
        self.slots_max = SLOTS_MIN
        self._leaves, self._leaves_until = LeafIndex(), NEVER
        # Windows that slide by the same step share their hops. Key: panes per hop.
        self.running: dict[int, list[RunningWindow | TumblingWindow]] = {}
        for window in policy.windows:
            kind = TumblingWindow if window.kind == "tumbling" else RunningWindow
            self.running.setdefault(window.every_ms // policy.pane_ms, []).append(kind(window, policy))
        self._stored_panes = (policy.stored_ms or policy.pane_ms) // policy.pane_ms
        self._stored: list[Partial] = []
        # A pane of the store is a hop, whether windows have such hops or not.
        self.hops = {
            panes: Hops(panes, self._together, roll_up=panes in self.running)
            for panes in (*self.running, self._stored_panes)
        }
        self.unstored = NEVER  # Number of the first pane that is not in a pane of the store that ended.
        self.pane = NEVER  # Number of the last pane taken.
        self._silent = False  # While rebuilding, windows are moved but not counted: that is most of the cost.

    def numbered(self, closed: Closed) -> Closed:
        """Return a closed pane with its finest series numbered, for all that add them up."""
        if closed.on_time is None:
            return closed
        if closed.pane >= self._leaves_until:
            self._leaves, self._leaves_until = LeafIndex(), closed.pane + LEAVES_PANES
        return msgspec.structs.replace(closed, on_time=self._numbered(closed.on_time))

    def push(self, closed: Closed) -> Iterator[WindowCounts]:
        """Take a closed pane; yield the windows that end with it, or in the quiet panes before it."""
        for ended in self.push_all((closed,)):
            yield from ended

    def push_all(self, closed: Sequence[Closed]) -> Iterator[list[WindowCounts]]:
        """Take closed panes; yield for each the windows that end with it, or in the quiet panes before it.

        Panes come in order. At the end of the files every hop that holds the last pane ends too, and all rows of what
        ends with it are stored.
        """
        for hops in self.hops.values():
            hops.push(closed)
        for each in closed:
            ended = list(self._move_to(each.pane))
            if each.end:
                for hop_panes in self.hops:
                    number, rest = divmod(each.pane, hop_panes)
                    if rest != hop_panes - 1:
                        ended += self._end_hop(hop_panes, number, whole=True)
            yield ended
        if len(self.slots.names) > self.slots_max:
            self._make_room()

    def take_stored(self) -> tuple[Partial, ...]:
        """Return the panes of the store that have ended since this was asked last."""
        stored, self._stored = tuple(self._stored), []
        return stored

    def rebuild(self, panes: Iterable[tuple[int, Partial]], reached: int, unstored: int) -> None:
        """Take panes whose windows were written before a restart, up to pane `reached`.

        Those from pane `unstored` on are still to be stored.
        """
        self._silent, self.unstored = True, unstored
        before = (self.numbered(Closed(pane=pane, on_time=on_time)) for pane, on_time in panes)
        for some in few_together(chain(before, (Closed(pane=reached),))):
            if any(self.push_all(some)):
                raise AssertionError("a silent window spoke")
        self._silent = False

    def _numbered(self, part: Partial) -> Partial:
        return msgspec.structs.replace(part, series=self._leaves.numbered(part.series))

    def _move_to(self, pane: int) -> Iterator[WindowCounts]:
        while (at := min((ends := self._next_ends()).values())) <= pane:
            for hop_panes, end in ends.items():
                if end == at:
                    yield from self._end_hop(hop_panes, at // hop_panes)
            self.pane = at
        self.pane = max(self.pane, pane)

    def _next_ends(self) -> dict[int, int]:
        """Return by length the next pane with which a hop ends that matters: with events in it, or in its windows."""
        now = self.pane + 1
        return {
            panes: (now // panes + 1) * panes - 1 if self._slides(panes) else hops.next_end
            for panes, hops in self.hops.items()
        }

    def _slides(self, hop_panes: int) -> bool:
        """Tell whether something is in a window that moves by such hops, and will leave it."""
        return any(each.ring for each in self.running.get(hop_panes, ()) if isinstance(each, RunningWindow))

    def _end_hop(self, hop_panes: int, number: int, *, whole: bool = False) -> Iterator[WindowCounts]:
        windows = self.running.get(hop_panes, ())
        running = [each for each in windows if isinstance(each, RunningWindow)]
        for each in running:  # First: what is dropped and what comes are large.
            each.drop_before(number + 1 - each.window.size_ms // each.window.every_ms)
        taken = self.hops[hop_panes].take(number, self.slots)
        if taken is not None and hop_panes == self._stored_panes:
            self._store(taken)
        if taken is not None and taken.rolled is not None and running:
            hop = taken.rolled.alone(taken.at)
            held = pack_hop(hop.counts)
            for each in running:
                each.push(number, hop, held)
        end_ms = (number + 1) * hop_panes * self.policy.pane_ms
        for window in windows if not self._silent else ():
            if isinstance(window, RunningWindow):
                counts = window.counts(end_ms, self.slots, self.quantiles, whole=whole)
            else:
                counts = None if taken is None else window.counts(taken, self.slots, self.quantiles)
            if counts is not None:
                yield counts

    def _together(self, parts: Sequence[Partial], number: int) -> Partial:
        """Return panes of a hop as one, which has the number of the hop."""
        same = [msgspec.structs.replace(part, pane=np.full(part.rows, number)) for part in parts]
        return same[0] if len(same) == 1 else self._numbered(merge(same))

    def _store(self, hop: TakenHop) -> None:
        """Keep a pane of the store that has ended, without what was stored before a restart."""
        number, parts, _ = hop.ended
        new = [part for part in parts if part.rows and part.pane[0] >= self.unstored]
        if new:
            self._stored.append(hop.part if len(new) == len(parts) else self._together(new, number))
        self.unstored = max(self.unstored, (number + 1) * self._stored_panes)

    def _make_room(self) -> None:
        """Take slots from series that no ring holds, once these are the most: versions come and go."""
        every = [window for windows in self.running.values() for window in windows]
        held: list[NDArray[np.signedinteger[Any]]] = [each.slots for each in every if isinstance(each, TumblingWindow)]
        held += [hop.slots for each in every if isinstance(each, RunningWindow) for _, hop in each.ring]
        kept = np.unique(np.concatenate([np.zeros(0, np.int64), *held]))
        self.slots_max = max(SLOTS_MIN, 2 * len(kept))
        if 2 * len(kept) < len(self.slots.names):
            self._renumber(kept)

    def _renumber(self, kept: Ints) -> None:
        new_slot = np.full(len(self.slots.names), -1)
        new_slot[kept] = np.arange(len(kept))
        self.slots = self.slots.only(kept.tolist())
        for windows in self.running.values():
            for window in windows:
                window.renumber(new_slot, kept)
