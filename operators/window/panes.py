"""Open panes of one shard, closed in order once the watermark has passed them.

A pane closes for all its series at once. Late events are kept under the pane that their partition had reached when they
came in, and leave with it as rows of their own: they neither reopen a decision nor wait for a later pane.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from operators.policy.policy import CountColumns, Policy
from operators.window.admission import Admission
from operators.window.estimating import Estimating
from operators.window.fence import UNKNOWN, SpansSeen
from operators.window.folded import Folded
from operators.window.held_panes import HeldPanes
from operators.window.later_columns import LaterColumns
from operators.window.leaf_index import LEAVES_PANES, LeafIndex, only_used
from operators.window.limits import Limits, first_past, limit_error_types
from operators.window.maturing import Maturing
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed, PaneItem, ShardInput
from operators.window.partial import Partial
from operators.window.saved_panes import SavedPanes
from operators.window.splitting import take
from operators.window.together import together
from operators.window.waiting_commands import Waiting
from operators.window.watermark import NEVER, Watermark
from operators.window.widening import widened

PARTS_MAX = 16  # Partials an open pane may collect before they are merged into one.


class Panes:
    """The open panes of one shard. State: a few partials per open pane, and the limits' lists of names.

    With `saved` they continue from that state, and their first output asks the slots of the ring for the closed panes
    that windows still need (`recall.py`), because windows themselves are not saved. `had` are the columns of `saved`;
    None: all of the policy. Its panes must be as long as the policy says; only `PanesOfAnyLength` (`going_over.py`)
    takes others.
    """

    def __init__(self, policy: Policy, saved: SavedPanes | None = None, had: CountColumns | None = None) -> None:
        self.policy = policy
        self.watermark: Watermark | None = None
        self.shard = 0
        self.open: dict[int, list[Partial]] = {}
        self.limits = Limits()
        self.closed = NEVER  # The number of the last closed pane.
        self.order = 0
        self.later, self.held = LaterColumns(policy), HeldPanes(policy)
        self.commands = Waiting() if saved is None else Waiting(saved.commands, saved.obeyed)
        self.seen = SpansSeen({})
        self.maturing = Maturing(policy, {} if saved is None else saved.maturing, had)
        self.estimating = Estimating(policy, None if saved is None else saved.labels)
        self._leaves, self._leaves_until = LeafIndex(), NEVER
        if saved is not None:
            self._resume(saved, had)
        self._admission = Admission(self.limits)

    def _resume(self, saved: SavedPanes, had: CountColumns | None) -> None:
        policy, columns = self.policy, self.policy.columns if had is None else had
        self.watermark, self.limits = saved.watermark, saved.limits
        if self.watermark is not None:
            self.watermark.disorder_ms = policy.disorder_ms
        self.closed, self.order = saved.closed, saved.order
        self.open = {pane: [widened(unpack(part), policy, had)] for pane, part in saved.open.items()}
        newest = NEVER if self.watermark is None else self.watermark.newest_ms // policy.pane_ms
        self.later.resume(saved, columns, max(self.closed, newest, *self.open, NEVER) + 1)
        self.limits.reslice(columns.dimensions, policy.columns.dimensions)
        self.held.resume(saved, policy, columns)
        known = saved.watermark.marks if saved.watermark is not None else ()
        self.seen = SpansSeen(dict.fromkeys(known, UNKNOWN) if saved.seen is None else saved.seen)

    def save(self) -> SavedPanes:
        """Return all that a restart needs."""
        self._admission.settle()
        return SavedPanes(
            watermark=self.watermark,
            open={pane: pack(together(parts)) for pane, parts in self.open.items()},
            limits=self.limits,
            closed=self.closed,
            order=self.order,
            kept=tuple(self.held.kept),
            commands=tuple(self.commands.waiting),
            seen=self.seen.positions,
            obeyed=self.commands.obeyed,
            slis=self.later.slis,
            measures=self.later.measures,
            dimensions=self.later.dimensions,
            fields=self.later.fields,
            maturing=self.maturing.save(),
            labels=self.estimating.save(),
            rings=self.held.rings,
            dropped=self.held.dropped,
            held=self.held.first,
            pane_ms=self.policy.pane_ms,
        )

    @property
    def lag_ms(self) -> int:
        """Event time from the watermark to the newest event, Unix ms; 0 before any event and after the last one."""
        if self.watermark is None or self.watermark.ended or self.watermark.low_ms <= NEVER:
            return 0
        return self.watermark.newest_ms - self.watermark.low_ms

    def push(self, item: ShardInput) -> list[PaneItem]:
        """Take one input and return the panes that it closes, in order. OutOfStep if it is not the next one."""
        if item.span is not None:
            self.seen.take(item.mark.partition, item.span)
        if self.watermark is None:
            self.watermark = Watermark(disorder_ms=self.policy.disorder_ms)
        self.shard = item.shard
        self.watermark.update(item.mark, item.partitions)
        for closing, partial in item.partials:
            pane, partial = self._placed(closing, self._numbered(partial))  # noqa: PLW2901
            parts = self.open.get(pane)
            if parts is None:
                self.open[pane] = [partial]
                continue
            parts.append(partial)
            if len(parts) > PARTS_MAX:
                self.open[pane] = [merge(parts)]
        self.commands.waiting += item.commands
        return [*self.held.recall(self.order), *self._close(self.watermark)]

    def _numbered(self, partial: Partial) -> Partial:
        """Return a partial with its series numbered by the shard's index."""
        series, which = only_used(partial.series, partial.which)
        return msgspec.structs.replace(partial, series=self._leaves.numbered(series), which=which)

    def _placed(self, closing: int, partial: Partial) -> tuple[int, Partial]:
        """Return the pane that a partial closes with.

        Items for a pane that closed while their partition was idle, and not waited for, are late whatever its own log
        says: a closed pane is never reopened.
        """
        if closing > self.closed:
            return closing, partial
        late = msgspec.structs.replace(partial, late=np.ones_like(partial.late))
        return self.closed + 1, late

    def _close(self, watermark: Watermark) -> list[PaneItem]:
        pane_ms = self.policy.pane_ms
        last = watermark.low_ms // pane_ms - 1
        if watermark.ended:  # Items from before the first whole pane of a new length wait for that pane.
            last = max(watermark.newest_ms // pane_ms, *self.open, NEVER)
        if last <= self.closed or (not self.open and not self.commands.waiting and self.closed == NEVER):
            return []
        others = self.open.keys() | self.maturing.panes(self.closed)
        known = others | self.commands.panes(self.closed, others)
        due = sorted(pane for pane in known if pane <= last)
        if not due and self.closed == NEVER:
            # Before the first event there is no pane that commands could wait for: they take effect with this one.
            if not (self.commands.timeless and watermark.resting and last > 0):
                return []
            due = [last]
        out = [*self._close_each(due, known, last)]
        self.closed = last
        self._forget_leaves()
        if not due or due[-1] != last:
            out.append(self._ordered(Closed(pane=last)))
        if watermark.ended:
            out[-1] = msgspec.structs.replace(out[-1], end=True)
        whole = (closed.pane for closed in out if closed.on_time is not None)
        return [*out, *self.held.keep(whole, self.closed, self.policy.slots)]

    def _close_each(self, due: list[int], known: set[int], last: int) -> Iterator[Closed]:
        """Close the panes that are due, in order, and also those in which cohorts count that began with these."""
        at = 0
        while at < len(due):
            yield self._close_one(due[at])
            at += 1
            if begun := self.maturing.begun():
                ripe = sorted(pane for pane in begun - known if pane <= last)
                known.update(ripe)
                due[at:] = sorted([*due[at:], *ripe])

    def _forget_leaves(self) -> None:
        """Renumber the finest series once in a while, so that series which are gone are forgotten."""
        if self.closed >= self._leaves_until:
            if self._leaves_until != NEVER:
                self._leaves = LeafIndex()
            self._leaves_until = self.closed + LEAVES_PANES

    def _ordered(self, closed: Closed) -> Closed:
        self.order += 1
        return msgspec.structs.replace(
            closed,
            order=self.order - 1,
            begins=self.later.slis,
            sliced=self.later.dimensions,
            ring=self.held.ring,
            held=self.held.first,
        )

    def _close_one(self, pane: int) -> Closed:
        commands = self.commands.take(pane, self.policy.pane_ms, self.policy.late_horizon_ms)
        self.limits.declare(commands, self.policy)
        if pane not in self.open:
            ripe = self.maturing.take(pane, None, self.later.dimensions)
            return self._ordered(Closed(pane=pane, on_time=ripe, commands=commands))
        whole, folded = self._whole(pane)
        del self.open[pane]
        late = int(whole.late.searchsorted(1))
        rest = first_past(whole, late)
        on_time = self.estimating.fill(take(whole, 0, rest) if rest else None, pane)
        ripe = self.maturing.take(pane, on_time, self.later.dimensions)
        return self._ordered(
            Closed(
                pane=pane,
                on_time=on_time if ripe is None else merge([ripe] if on_time is None else [on_time, ripe]),
                late=take(whole, late, whole.rows) if late < whole.rows else None,
                commands=commands,
                rest=take(whole, rest, late) if rest < late else None,
                folded=tuple(folded),
            )
        )

    def _whole(self, pane: int) -> tuple[Partial, list[Folded]]:
        """Return the counts of an open pane that closes, within the limits, and what was beyond them."""
        whole = self.later.counted(together(self.open[pane]), pane)
        if self.later.begin_slicing(pane):  # Until then the series without it have places.
            self._admission.settle()
            self._admission.forget()
            self.limits.slice_by(len(self.policy.dimensions))
        homes, folded = self._admission.fold(whole, self.shard, pane, self.policy)
        whole = limit_error_types(merge([whole], homes) if homes else whole, self.policy.error_types_max)
        return whole, folded
