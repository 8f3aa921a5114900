"""All windows of one shard, moved on pane by pane: closed panes go in, the windows that ended come out.

Only panes move time on, so what comes out is a function of the closed panes alone. A window is yielded when
events lie in it; once it has slid past its last events it is empty, and silent.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.window.held_hop import HeldHop, WholeHop, pack_hop
from operators.window.hop import Hop, roll_up
from operators.window.leaf_index import LEAVES_PANES, LeafIndex
from operators.window.outcomes import outcomes_of
from operators.window.pane_lengths import Leftover
from operators.window.panes import Closed
from operators.window.partial import Partial, merge, unwatched
from operators.window.series_index import Rollup, SeriesIndex, rollup
from operators.window.sliding import RunningWindow, WindowCounts
from operators.window.watermark import END, NEVER


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


class _Rolled(NamedTuple):
    """A hop that ended: its panes as one `part`, how its rows add up, what that comes to, and how that is held."""

    part: Partial
    sums: Rollup
    hop: Hop
    held: HeldHop


class Windows:
    """State: one running window per window of the policy, with its ring; panes of the hops not yet ended."""

    def __init__(self, policy: Policy, quantiles: Sequence[float]) -> None:
        self.policy = policy
        self.quantiles = tuple(quantiles)
        self.slots = SeriesIndex(policy.dimensions, policy.grains)
        self.slots_max = SLOTS_MIN
        self._leaves, self._leaves_until = LeafIndex(), NEVER
        # Windows that slide by the same step share their hops. Key: panes per hop.
        self.running: dict[int, list[RunningWindow]] = {}
        for window in policy.windows:
            hop_panes = window.every_ms // policy.pane_ms
            self.running.setdefault(hop_panes, []).append(RunningWindow(window, policy))
        self._stored_panes = (policy.stored_ms or policy.pane_ms) // policy.pane_ms
        self._stored: list[Partial] = []
        # Panes of the hops not yet ended; a pane of the store is a hop, whether windows have such hops or not.
        self.begun: dict[int, list[Partial]] = {hop_panes: [] for hop_panes in (*self.running, self._stored_panes)}
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
        """Take a closed pane; yield the windows that end with it, or in the quiet panes before it.

        Panes come in order. At the end of the files every hop that holds the last pane ends too, and all rows of what
        ends with it are stored.
        """
        yield from self._move_to(closed.pane - 1)
        if closed.on_time is not None:
            on_time = unwatched(closed.on_time)
            for parts in self.begun.values():
                parts.append(on_time)
        yield from self._move_to(closed.pane)
        if closed.end:
            for hop_panes in self.begun:
                number, rest = divmod(closed.pane, hop_panes)
                if rest != hop_panes - 1:
                    yield from self._end_hop(hop_panes, number, whole=True)

    def take_stored(self) -> tuple[Partial, ...]:
        """Return the panes of the store that have ended since this was asked last."""
        stored, self._stored = tuple(self._stored), []
        return stored

    def rebuild(self, panes: Iterable[tuple[int, Partial]], reached: int, unstored: int) -> None:
        """Take panes whose windows were written before a restart, up to pane `reached`.

        Those from pane `unstored` on are still to be stored.
        """
        self._silent, self.unstored = True, unstored
        for pane, on_time in panes:
            for _ in self.push(self.numbered(Closed(pane=pane, on_time=on_time))):
                raise AssertionError("a silent window spoke")
        for _ in self.push(Closed(pane=reached)):
            raise AssertionError("a silent window spoke")
        self._silent = False

    def _numbered(self, part: Partial) -> Partial:
        return msgspec.structs.replace(part, series=self._leaves.numbered(part.series))

    def _move_to(self, pane: int) -> Iterator[WindowCounts]:
        while (at := self._next_end()) <= pane:
            for hop_panes in self.begun:
                number, rest = divmod(at, hop_panes)
                if rest == hop_panes - 1:
                    yield from self._end_hop(hop_panes, number)
            self.pane = at
        self.pane = max(self.pane, pane)

    def _next_end(self) -> int:
        """Return the next pane with which a hop ends that matters: one with events in it, or in its windows."""
        holding = (
            hop_panes
            for hop_panes, parts in self.begun.items()
            if parts or any(window.ring for window in self.running.get(hop_panes, ()))
        )
        return min((((self.pane + 1) // panes + 1) * panes - 1 for panes in holding), default=END)

    def _end_hop(self, hop_panes: int, number: int, *, whole: bool = False) -> Iterator[WindowCounts]:
        for running in self.running.get(hop_panes, ()):  # First: what is dropped and what comes are large.
            running.drop_before(number + 1 - running.window.size_ms // running.window.every_ms)
        rolled = self._rolled(hop_panes, number)
        end_ms = (number + 1) * hop_panes * self.policy.pane_ms
        for running in self.running.get(hop_panes, ()):
            if rolled is not None:
                running.push(number, rolled.hop, rolled.held)
            counts = None if self._silent else running.counts(end_ms, self.slots, self.quantiles, whole=whole)
            if counts is not None and rolled is not None and running.tumbles:
                counts = msgspec.structs.replace(counts, outcomes=outcomes_of(rolled.part, rolled.sums, self.slots))
            if counts is not None:
                yield counts
        if len(self.slots.names) > self.slots_max:
            self._make_room()
        for running in self.running.get(hop_panes, ()):
            if running.tumbles and not whole:
                running.drop_before(number + 1)

    def _rolled(self, hop_panes: int, number: int) -> "_Rolled | None":
        """Store the panes of a hop that ends, where it is one of the store; return it as windows take it, if any do."""
        parts = self.begun[hop_panes]
        if not parts:
            return None
        part = self._together(parts, number)
        if hop_panes == self._stored_panes:
            self._store(parts, part, number)
        parts.clear()
        if hop_panes not in self.running:
            return None
        sums = rollup(self.slots.parents(part.series)[part.which])
        hop = roll_up(part, sums)
        tumble = all(window.tumbles for window in self.running[hop_panes])
        return _Rolled(part, sums, hop, WholeHop(whole=hop.counts) if tumble else pack_hop(hop.counts))

    def _together(self, parts: Sequence[Partial], number: int) -> Partial:
        """Return panes of a hop as one, which has the number of the hop."""
        same = [msgspec.structs.replace(part, pane=np.full(part.rows, number)) for part in parts]
        return same[0] if len(same) == 1 else self._numbered(merge(same))

    def _store(self, parts: Sequence[Partial], whole: Partial, number: int) -> None:
        """Keep a pane of the store that has ended, without what was stored before a restart."""
        new = [part for part in parts if part.rows and part.pane[0] >= self.unstored]
        if new:
            self._stored.append(whole if len(new) == len(parts) else self._together(new, number))
        self.unstored = max(self.unstored, (number + 1) * self._stored_panes)

    def _make_room(self) -> None:
        """Take slots from series that no ring holds, once these are the most: versions come and go."""
        running = [window for windows in self.running.values() for window in windows]
        held = [hop.slots for window in running for _, hop in window.ring]
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
