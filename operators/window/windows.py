"""All windows of one shard, advanced pane by pane: closed panes go in, the windows that ended come out.

Only panes advance time, so the output is a function of the closed panes alone. A window is yielded while there are
events in it; once it has slid past the last of them it is not.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.window.held_hop import pack_hop
from operators.window.hops import Hops, TakenHop, Together, few_together
from operators.window.leaf_index import LEAVES_PANES, LeafIndex
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.pane_lengths import Leftover
from operators.window.partial import Partial
from operators.window.series_index import SeriesIndex
from operators.window.sliding import RunningWindow, WindowCounts
from operators.window.tumbling import TumblingWindow
from operators.window.watermark import NEVER


class PaneWithWindows(msgspec.Struct, frozen=True, kw_only=True):
    """A closed pane, and the windows that ended with it or in the quiet panes before it.

    `stored` are the panes of the store that ended likewise, each `policy.stored_ms` long; `left` are panes of another
    length, to be stored as they are.
    """

    closed: Closed
    windows: Sequence[WindowCounts]
    stored: Sequence[Partial] = ()
    left: Sequence[Leftover] = ()


SLOTS_MIN = 1_000  # With fewer slots than this it is not worth freeing any.


class _Step(NamedTuple):
    """Hops of `panes` panes, and the windows that move by them; of these, `running` are the sliding ones."""

    panes: int
    hops: Hops
    windows: Sequence[RunningWindow | TumblingWindow]
    running: Sequence[RunningWindow]

    @classmethod
    def of(cls, panes: int, windows: Sequence[RunningWindow | TumblingWindow], together: Together) -> "_Step":
        """Return a step at its beginning."""
        running = [each for each in windows if isinstance(each, RunningWindow)]
        return cls(panes, Hops(panes, together, roll_up=bool(windows)), windows, running)

    @property
    def slides(self) -> bool:
        """Whether a sliding window has contents that will leave it."""
        for running in self.running:  # noqa: SIM110  # Asked at each step of quiet time; a generator costs more.
            if running.ring:
                return True
        return False


class Windows:
    """State: a window for each one in the policy, with its ring, and the panes of hops that have not ended."""

    def __init__(self, policy: Policy, quantiles: Sequence[float]) -> None:
        self.policy = policy
        self.quantiles = tuple(quantiles)
        self.slots = SeriesIndex(policy.dimensions, policy.grains)
        self.slots_max = SLOTS_MIN
        self._leaves, self._leaves_until = LeafIndex(), NEVER
        self._stored_panes = (policy.stored_ms or policy.pane_ms) // policy.pane_ms
        self._stored: list[Partial] = []
        windows: dict[int, list[RunningWindow | TumblingWindow]] = {}
        for window in policy.windows:
            kind = TumblingWindow if window.kind == "tumbling" else RunningWindow
            windows.setdefault(window.every_ms // policy.pane_ms, []).append(kind(window, policy))
        windows.setdefault(self._stored_panes, [])  # A pane of the store is a hop, even if no window uses it.
        self.steps = [_Step.of(panes, some, self._together) for panes, some in windows.items()]
        self.unstored = NEVER  # The number of the first pane not in a pane of the store that ended.
        self.pane = NEVER  # The number of the last pane taken.
        self._silent = False  # While rebuilding, windows are moved on but not counted, which would be most of the cost.

    def numbered(self, closed: Closed) -> Closed:
        """Return a closed pane with its finest series numbered, for all code that adds them up."""
        return self.numbered_all((closed,))[0]

    def numbered_all(self, closed: Sequence[Closed]) -> list[Closed]:
        """Return closed panes with their finest series numbered."""
        parts = [each.on_time for each in closed if each.on_time is not None]
        if parts and closed[-1].pane >= self._leaves_until:
            self._leaves_until = closed[-1].pane + LEAVES_PANES
            if len(self._leaves) > SLOTS_MIN:
                self._leaves = LeafIndex()
        series = iter(self._leaves.numbered_all([part.series for part in parts]))
        numbered = iter([msgspec.structs.replace(part, series=next(series)) for part in parts])
        return [
            each if each.on_time is None else msgspec.structs.replace(each, on_time=next(numbered)) for each in closed
        ]

    def push(self, closed: Closed) -> Iterator[WindowCounts]:
        """Take a closed pane; yield the windows that end with it, or in the quiet panes before it."""
        for ended in self.push_all((closed,)):
            yield from ended

    def push_all(self, closed: Sequence[Closed]) -> Iterator[list[WindowCounts]]:
        """Take closed panes; yield for each the windows that end with it, or in the quiet panes before it.

        Panes come in order. At the end of the files every hop that holds the last pane ends too, and all rows of the
        windows that end with it are stored.
        """
        for step in self.steps:
            step.hops.push(closed)
        for each in closed:
            ended = list(self._move_to(each.pane))
            if each.end:
                for step in self.steps:
                    number, rest = divmod(each.pane, step.panes)
                    if rest != step.panes - 1:
                        ended += self._end_hop(step, number, whole=True)
            yield ended
        if len(self.slots.names) > self.slots_max:
            self._make_room()

    def take_stored(self) -> tuple[Partial, ...]:
        """Return the panes of the store that have ended since the last call."""
        stored, self._stored = tuple(self._stored), []
        return stored

    def rebuild(self, panes: Iterable[tuple[int, Partial]], reached: int, unstored: int) -> None:
        """Take panes whose windows were written before a restart, up to pane `reached`.

        Those from pane `unstored` on are still to be stored.
        """
        self._silent, self.unstored = True, unstored
        before = (Closed(pane=pane, on_time=on_time) for pane, on_time in panes)
        for some in few_together(chain(before, (Closed(pane=reached),))):
            if any(self.push_all(self.numbered_all(some))):
                raise AssertionError("a silent window spoke")
        self._silent = False

    def _numbered(self, part: Partial) -> Partial:
        return msgspec.structs.replace(part, series=self._leaves.numbered(part.series))

    def _move_to(self, pane: int) -> Iterator[WindowCounts]:
        while (at := min(ends := self._next_ends())) <= pane:
            for step, end in zip(self.steps, ends, strict=True):
                if end == at:
                    yield from self._end_hop(step, at // step.panes)
            self.pane = at
        self.pane = max(self.pane, pane)

    def _next_ends(self) -> list[int]:
        """Return for each step the next pane that ends a hop with events, or a hop of windows with contents."""
        now = self.pane + 1
        return [(now // step.panes + 1) * step.panes - 1 if step.slides else step.hops.next_end for step in self.steps]

    def _end_hop(self, step: "_Step", number: int, *, whole: bool = False) -> Iterator[WindowCounts]:
        for running in step.running:  # Dropped first: what leaves and what comes are both large.
            running.drop_before(number + 1 - running.size)
        taken = step.hops.take(number, self.slots)
        if taken is not None:
            self._take(step, taken)
        if self._silent:
            return
        end_ms = (number + 1) * step.panes * self.policy.pane_ms
        for window in step.windows:
            if isinstance(window, RunningWindow):
                counts = window.counts(end_ms, self.slots, self.quantiles, whole=whole)
            else:
                counts = None if taken is None else window.counts(taken, self.slots, self.quantiles)
            if counts is not None:
                yield counts

    def _take(self, step: "_Step", taken: TakenHop) -> None:
        """Store a hop that ended, if it is a pane of the store, and push it into the windows that slide by it."""
        if step.panes == self._stored_panes:
            self._store(taken)
        if step.running and taken.rolled is not None:
            hop = taken.rolled.alone(taken.at)
            held = pack_hop(hop.counts)
            for running in step.running:
                running.push(taken.ended.number, hop, held, self.slots.grain_numbers())

    def _together(self, parts: Sequence[Partial], number: int) -> Partial:
        """Return the panes of a hop merged into one with the number of the hop."""
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
        """Free the slots of series that no ring holds, once they are the majority: versions come and go."""
        every = [window for step in self.steps for window in step.windows]
        held = [slots for window in every for slots in window.held]
        kept = np.unique(np.concatenate([np.zeros(0, np.int64), *held]))
        self.slots_max = max(SLOTS_MIN, 2 * len(kept))
        if 2 * len(kept) < len(self.slots.names):
            self._renumber(kept)

    def _renumber(self, kept: Ints) -> None:
        new_slot = np.full(len(self.slots.names), -1)
        new_slot[kept] = np.arange(len(kept))
        self.slots = self.slots.only(kept.tolist())
        for step in self.steps:
            for window in step.windows:
                window.renumber(new_slot, kept)
