"""Windows rebuilt after a restart, from closed panes that were each saved once.

A sliding window of an hour is many megabytes; saving it with every epoch would cost more than the work itself. So each
closed pane is held by a slot of its own (pane number modulo the slots), whose saved state changes once per turn of the
ring, and the windows save only how far they are. After a restart the shard's panes tell the windows which closed panes
are held (`ReplayPlan`) and ask the slots for them (`ReplayRequest`); the slots answer (`PaneReplay`), and the windows
wait for all answers, rebuild, and go on. Slots may live on other workers, so panes may arrive out of order: their
`order` puts them back.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from operators.policy.policy import CountColumns, Policy
from operators.window.fence import OutOfStep, in_order
from operators.window.hops import few_together
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed, HoldsEnough, PaneItem, ReplayPlan, ReplayRequest
from operators.window.pane_lengths import Leftover
from operators.window.partial import Partial, unwatched
from operators.window.watermark import NEVER
from operators.window.widening import widened
from operators.window.windows import PaneWithWindows, Windows


class PaneReplay(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot holds: what came in on time under a closed pane, without watched fields, packed."""

    pane: int
    on_time: bytes


# The number of a closed pane, what came in on time under it, packed, and its length [ms] if not the present one.
Held = tuple[int, bytes] | tuple[int, bytes, int]


class KeptBytes(Protocol):
    """A place for the bytes of a slot, which are replaced as a whole."""

    def keep(self, data: bytes) -> None: ...
    def read(self) -> bytes: ...
    def drop(self) -> None: ...


class BytesInMemory:
    """Keeps the bytes of a slot in memory."""

    def __init__(self) -> None:
        self._data = b""

    def keep(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        return self._data

    def drop(self) -> None:
        self._data = b""


class PaneStore:
    """Holds the last closed pane it was given, packed, in `kept`; `held` is its saved state.

    All slots together hold as much as the windows themselves, and are asked only once, so a worker keeps their bytes
    elsewhere. A pane of another length is held for one request of the windows, and any pane may replace it.
    """

    def __init__(self, held: Held | None, kept: KeptBytes | None = None) -> None:
        self._kept = kept or BytesInMemory()
        self.pane: int | None = None
        self._before_ms: int | None = None  # The length of its pane, if not the present one.
        if held is not None:
            self.pane = held[0]
            self._before_ms = held[2] if len(held) == 3 else None
            self._kept.keep(held[1])

    @property
    def held(self) -> Held | None:
        if self.pane is None:
            return None
        packed = self._kept.read()
        return (self.pane, packed) if self._before_ms is None else (self.pane, packed, self._before_ms)

    def push(self, item: PaneItem) -> PaneItem | PaneReplay | None:
        """Keep a pane and pass it on; answer requests. OutOfStep if the pane held is not the expected one."""
        if isinstance(item, HoldsEnough):
            if self.pane == item.pane:
                self.pane = None
                self._kept.drop()
            return None
        if isinstance(item, ReplayRequest):
            if self.pane != item.pane:
                raise OutOfStep(f"asked for closed pane {item.pane}, but holding {self.pane}")
            return PaneReplay(pane=item.pane, on_time=self._kept.read())
        if isinstance(item, Closed) and item.on_time is not None:
            if self.pane is not None and self._before_ms is None and self.pane >= item.pane:
                raise OutOfStep(f"pane {item.pane} closed, but closed pane {self.pane} is held already")
            self.pane, self._before_ms = item.pane, None
            self._kept.keep(pack(unwatched(item.on_time)))
        return item


def held_now(held: Held | None, policy: Policy, had: CountColumns | None) -> Held | None:
    """Return a slot's saved state as held under a policy; `had` are the columns it has, None: those of the policy."""
    if held is None or had in (None, policy.columns):
        return held
    unwatched_too = had._replace(watched=policy.columns.watched)  # Slots hold no watched fields.
    packed = pack(widened(unpack(held[1]), policy, unwatched_too))
    length = held[2] if len(held) == 3 else had.pane_ms or policy.pane_ms
    return (held[0], packed) if length == policy.pane_ms else (held[0], packed, length)


class WindowProgress(msgspec.Struct, frozen=True, kw_only=True):
    """All that windows save: the order of the next pane to take, and the number of the last one taken.

    `unstored` is the number of the first pane that is not in a pane of the store that ended; None in state saved before
    the store had panes of its own, when all that was taken is stored. `pane_ms` is the length of its panes; 0: the
    length that goes with the saved columns.
    """

    order: int = 0
    pane: int = NEVER
    unstored: int | None = None
    pane_ms: int = 0


class RecalledWindows:
    """Windows that take panes in order, whatever order they arrive in, and first rebuild themselves if needed.

    Panes of another length do not enter windows: those whose rows are still to be stored are passed on (`Leftover`).
    """

    def __init__(
        self,
        policy: Policy,
        quantiles: Sequence[float],
        saved: WindowProgress | None,
        had: CountColumns | None = None,
    ) -> None:
        self.windows = Windows(policy, quantiles)
        self.reached = saved or WindowProgress()
        self._before_ms = self.reached.pane_ms or (0 if had is None else had.pane_ms) or policy.pane_ms
        if saved is not None:
            self.reached = msgspec.structs.replace(saved, pane_ms=self._before_ms)
        self._waiting = saved is not None
        self._recall: ReplayPlan | None = None
        self._replayed: dict[int, bytes] = {}  # Packed: an hour of panes is much larger than its windows.
        self._due = self.reached.order  # The order of the pane whose turn it is.
        self._early: dict[int, Closed] = {}  # By order: panes whose turn has not come.
        self._left: list[Leftover] = []

    def push(self, item: PaneItem | PaneReplay) -> Iterator[PaneWithWindows]:
        """Take one item, as `push_all` does."""
        return self.push_all((item,))

    def push_all(self, items: Sequence[PaneItem | PaneReplay]) -> Iterator[PaneWithWindows]:
        """Take items; yield the panes whose turn has come, each with the windows that end with it.

        OutOfStep if a pane was taken before, or the plan does not continue where the windows are.
        """
        due = [closed for item in items for closed in self._taken(item)]
        for some in few_together(due):
            numbered = self.windows.numbered_all(some)
            for closed, windows in zip(numbered, self.windows.push_all(numbered), strict=True):
                self.reached = WindowProgress(
                    order=closed.order + 1,
                    pane=closed.pane,
                    unstored=self.windows.unstored,
                    pane_ms=self.windows.policy.pane_ms,
                )
                left, self._left = tuple(self._left), []
                yield PaneWithWindows(
                    closed=closed, windows=tuple(windows), stored=self.windows.take_stored(), left=left
                )

    def _taken(self, item: PaneItem | PaneReplay) -> Iterator[Closed]:
        """Take an item; yield the panes whose turn has come."""
        if isinstance(item, ReplayPlan):
            in_order("windows", self.reached.order, item.order)
            self._recall = item
        elif isinstance(item, PaneReplay):
            self._replayed[item.pane] = item.on_time
        elif isinstance(item, Closed):
            if item.order < self._due:
                in_order("windows", self._due, item.order)
            self._early[item.order] = item
        if self._waiting and not self._rebuilt():
            return
        while (closed := self._early.pop(self._due, None)) is not None:
            self._due += 1
            yield closed

    def _rebuilt(self) -> bool:
        if self._recall is None or len(self._replayed) < len(self._recall.panes):
            return False
        unstored = self.reached.pane + 1 if self.reached.unstored is None else self.reached.unstored
        if self._before_ms != self.windows.policy.pane_ms:
            self._left = [
                Leftover(pane=pane, pane_ms=self._before_ms, on_time=self._taken_back(pane), counted=True)
                for pane in sorted(self._replayed)
                if pane >= unstored
            ]
            self._replayed.clear()
            self.reached = msgspec.structs.replace(self.reached, pane=NEVER, unstored=NEVER)
            unstored = NEVER
        panes = ((pane, self._taken_back(pane)) for pane in sorted(self._replayed))
        self.windows.rebuild(panes, self.reached.pane, unstored)
        self._waiting = False
        return True

    def _taken_back(self, pane: int) -> Partial:
        """Take the replayed counts of a pane out of memory and return them."""
        return widened(unpack(self._replayed.pop(pane)), self.windows.policy)
