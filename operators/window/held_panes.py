"""Which closed panes the slots of rings hold: those that some window still needs."""

from collections import deque
from collections.abc import Iterable

from operators.policy.policy import CountColumns, Policy
from operators.window.pane_items import HoldsEnough, PaneItem, ReplayPlan, ReplayRequest
from operators.window.saved_panes import SavedPanes
from operators.window.watermark import NEVER


class HeldPanes:
    """The closed panes that slots hold, `kept`, in order: each in the ring that was the latest when it closed.

    `rings` are the first panes that each ring holds, by its number; `dropped` is the last pane no longer held, and
    `first` the first pane that is held for all windows, of which some may have become longer.
    """

    def __init__(self, policy: Policy) -> None:
        self.kept: deque[int] = deque()
        self.rings = {policy.columns.ring: NEVER}
        self.dropped = self.first = NEVER
        self._recalling = False

    def resume(self, saved: SavedPanes, policy: Policy, had: CountColumns) -> None:
        """Hold what was held; from the next pane on use the ring of the policy, if that is another one."""
        self.kept.extend(saved.kept)
        self._recalling = True
        self.rings = {had.ring: NEVER} if saved.rings is None else dict(saved.rings)
        few = policy.rings[had.ring] if policy.rings else policy.slots
        before = saved.closed - few if saved.closed != NEVER else NEVER
        self.dropped, self.first = before if saved.dropped is None else saved.dropped, saved.held
        ring = policy.columns.ring
        if ring not in self.rings:
            self.rings[ring] = saved.closed + 1
            self.first = max(self.first, self.dropped + 1)

    def leave(self, policy: Policy, closed: int, first: int) -> None:
        """Drop all panes, up to the last closed one: they have another length than those from `first` on."""
        self.kept.clear()
        self.rings = {policy.columns.ring: NEVER}
        self.dropped, self.first = closed, first

    @property
    def ring(self) -> int:
        """The number of the ring that holds the panes that close now."""
        return max(self.rings)

    def recall(self, order: int) -> list[PaneItem]:
        """Ask, once after a restart, for the panes that are held; `order` is that of the next one."""
        if not self._recalling:
            return []
        self._recalling = False
        requests = (ReplayRequest(pane=pane, ring=self._ring_of(pane)) for pane in self.kept)
        return [ReplayPlan(panes=tuple(self.kept), order=order), *requests]

    def keep(self, panes: Iterable[int], closed: int, slots: int) -> list[PaneItem]:
        """Hold panes, of the last `slots` up to the last closed one; return the messages to slots of earlier rings."""
        self.kept.extend(panes)
        gone, last = [], closed - slots
        while self.kept and self.kept[0] <= last:
            self.dropped = self.kept.popleft()
            gone.append(self.dropped)
        if not gone or len(self.rings) == 1:
            return []
        current = self.ring
        freed = [(pane, self._ring_of(pane)) for pane in gone]
        oldest = self._ring_of(self.kept[0] if self.kept else closed + 1)
        self.rings = {ring: first for ring, first in self.rings.items() if ring >= oldest}
        return [HoldsEnough(pane=pane, ring=ring) for pane, ring in freed if ring < current]

    def _ring_of(self, pane: int) -> int:
        return max(ring for ring, first in self.rings.items() if first <= pane)
