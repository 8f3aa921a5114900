"""Panes of a shard that was saved with another pane length: these are left, and panes of the present length begin."""

import msgspec

from operators.policy.policy import CountColumns, Policy
from operators.window.admission import Admission
from operators.window.estimating import Estimating
from operators.window.maturing import Maturing
from operators.window.pane_items import Closed, PaneItem, ShardInput
from operators.window.pane_lengths import PaneLengths, left_of
from operators.window.panes import Panes
from operators.window.saved_panes import SavedPanes
from operators.window.watermark import NEVER


class PanesOfAnyLength(Panes):
    """Panes that continue from saved panes of any length; those of another length are left at the first input."""

    def __init__(self, policy: Policy, saved: SavedPanes | None = None, had: CountColumns | None = None) -> None:
        self._now = policy  # While panes of another length are still to be left, `policy` has theirs.
        before_ms = 0 if saved is None else saved.pane_ms or (had or policy.columns).pane_ms
        if before_ms not in (0, policy.pane_ms):
            policy = msgspec.structs.replace(policy, pane_ms=before_ms)
        super().__init__(policy, saved, had)

    def push(self, item: ShardInput) -> list[PaneItem]:
        self.shard = item.shard
        return [*self.go_over(), *super().push(item)]

    def go_over(self) -> list[PaneItem]:
        """Change to panes of the present length if those saved had another; return what is left of the old ones.

        Windows learn of the change from an empty pane, the last before the first that counts in full.
        """
        if self.policy is self._now:
            return []
        lengths = PaneLengths(self.policy.pane_ms, self._now.pane_ms)
        asked, known = self.held.recall(self.order), self.closed != NEVER or bool(self.open)
        left = [left_of(pane, self._whole(pane)[0], self.policy, self.estimating) for pane in sorted(self.open)]
        self.closed = lengths.after(max(self.closed, *self.open, NEVER)) - 1 if known else NEVER
        self.policy, labels = self._now, self.estimating.save()
        self.open.clear()
        self._admission.settle()
        self.limits.renumber(lengths)
        self._admission = Admission(self.limits)
        self.commands.waiting = [(lengths.pane(pane), coming) for pane, coming in self.commands.waiting]
        self.maturing, self.estimating = Maturing(self.policy, {}), Estimating(self.policy, labels)
        self.later.forget()
        self.held.leave(self.policy, self.closed, self.closed + 1 if known else NEVER)
        return [*asked, *left, *([self._ordered(Closed(pane=self.closed, anew=True))] if known else [])]
