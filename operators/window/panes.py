"""Open panes of one shard, closed in order once the watermark has passed them.

A pane closes for all its series at once. Late events are kept under the pane that their partition had reached
when they came in, and leave with it as rows of their own: they never reopen a decision, and wait no longer.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from operators.policy.policy import CountColumns, Policy
from operators.window.admission import Admission
from operators.window.estimating import Estimating
from operators.window.fence import UNKNOWN, Span, SpansSeen
from operators.window.folded import Folded
from operators.window.label_cells import LabelCells
from operators.window.leaf_index import LEAVES_PANES, LeafIndex, only_used
from operators.window.limits import Limits, first_past, limit_error_types
from operators.window.maturing import Maturing
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.pane_lengths import Leftover
from operators.window.partial import Partial
from operators.window.splitting import take
from operators.window.together import together
from operators.window.waiting_commands import Coming, Due, Obeyed, Waiting
from operators.window.watched_columns import watched_from
from operators.window.watermark import NEVER, PartitionProgress, Watermark
from operators.window.widening import begins_of, from_begin, unsliced, widened

PARTS_MAX = 16  # Partials an open pane may collect before they are merged into one.


class ShardInput(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch of one partition sends to one shard: its mark, partials and commands by closing pane.

    `span` is where the batch stands in its partition; None where nothing is ever resumed. Where several policies share
    a worker, `teams` has the number of the policy of each partial.
    """

    shard: int
    mark: PartitionProgress
    partitions: tuple[str, ...]
    partials: Sequence[tuple[int, Partial]] = ()
    commands: Sequence[tuple[int, Coming]] = ()
    span: Span | None = None
    teams: Sequence[int] = ()


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """Pane number `pane` and all before it are closed; `end` says that no other follows.

    `on_time` and `late` are what came in under this pane, None where nothing did; `commands` take effect with it.
    `rest` is what came in on time of models past the limit: counted in rows, but not seen by rules. `folded` says what
    else is past a limit. `begins` has, by number, the first panes of SLIs that began while the shard counted already,
    `sliced` those of slice dimensions. It is held in the ring of slots of number `ring`; of panes before `held` not all
    are there for windows that have become longer. `anew`: panes have another length from the next one on; this one is
    none, and lies ahead of time, so nothing is decided by it.
    """

    pane: int
    on_time: Partial | None = None
    late: Partial | None = None
    end: bool = False
    order: int = 0  # Counts what a shard closed: panes may arrive out of order at the windows.
    commands: tuple[Due, ...] = ()
    rest: Partial | None = None
    folded: tuple[Folded, ...] = ()
    begins: Mapping[int, int] = {}
    sliced: Mapping[int, int] = {}
    ring: int = 0
    held: int = NEVER
    anew: bool = False


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """After a restart, to the slot that holds a closed pane: send it again (`PaneReplay`)."""

    pane: int
    ring: int = 0


class HoldsEnough(msgspec.Struct, frozen=True, kw_only=True):
    """To the slot of an earlier ring that holds a closed pane: no window needs it any more."""

    pane: int
    ring: int


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """After a restart, to the windows: wait for a `PaneReplay` of each of `panes`; `order` is that of the next pane."""

    panes: tuple[int, ...]
    order: int


PaneItem = Closed | ReplayRequest | ReplayPlan | HoldsEnough | Leftover


class SavedPanes(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a shard's panes; `kept` are the closed panes that the slots still hold.

    `seen` is the position that each partition was seen up to; None in what was saved before it was kept. `slis`,
    `measures`, `dimensions` and watched `fields` are those that began while the shard counted already, by number: the
    first pane that has them in full. `labels` are what SLIs are estimated from. `rings` have, by number, the first pane
    that each holds, `dropped` is the last one that is held no more, and `held` the first that is for all windows; None
    in what was saved before there were any. `pane_ms` is how long its panes are, 0: as the policy says of its columns.
    """

    watermark: Watermark | None
    open: dict[int, bytes]
    limits: Limits
    closed: int
    order: int
    kept: tuple[int, ...]
    commands: tuple[tuple[int, Coming], ...] = ()
    seen: dict[str, int] | None = None
    obeyed: Obeyed = msgspec.field(default_factory=Obeyed)
    slis: dict[int, int] = {}
    measures: dict[int, int] = {}
    dimensions: dict[int, int] = {}
    fields: dict[int, int] = {}
    maturing: dict[int, bytes] = msgspec.field(default_factory=dict)
    labels: LabelCells | None = None
    rings: dict[int, int] | None = None
    dropped: int | None = None
    held: int = NEVER
    pane_ms: int = 0


class Panes:
    """The open panes of one shard. State: a few partials per open pane, and the limits' lists of names.

    With `saved` it continues from that state, and its first output asks the slots of the ring for the closed panes that
    windows still need (`recall.py`), because windows themselves are not saved. `had` says what it has columns for;
    None: for all. All its panes are as long as the policy says; those of before may be of another length to
    `PanesOfAnyLength` (`going_over.py`).
    """

    def __init__(self, policy: Policy, saved: SavedPanes | None = None, had: CountColumns | None = None) -> None:
        self.policy = policy
        self.slis: dict[int, int] = {}  # Those that began later, each with its first pane; measures; dimensions.
        self.measures: dict[int, int] = {}
        self.dimensions: dict[int, int] = {}
        self.fields: dict[int, int] = {}
        self._slicing = False  # Whether some dimension is still to begin, as far as is known.
        self.watermark: Watermark | None = None
        self.shard = 0
        self.open: dict[int, list[Partial]] = {}
        self.limits = Limits()
        self.closed = NEVER  # Number of the last pane that closed.
        self.order = 0
        self.kept: deque[int] = deque()
        self.rings = {policy.columns.ring: NEVER}
        self.dropped = self.held = NEVER
        self.commands = Waiting() if saved is None else Waiting(saved.commands, saved.obeyed)
        self.seen = SpansSeen({})
        self.maturing = Maturing(policy, {} if saved is None else saved.maturing, had)
        self.estimating = Estimating(policy, None if saved is None else saved.labels)
        self._recalling = saved is not None
        self._leaves, self._leaves_until = LeafIndex(), NEVER
        if saved is not None:
            self.watermark, self.limits = saved.watermark, saved.limits
            if self.watermark is not None:
                self.watermark.disorder_ms = policy.disorder_ms
            self.closed, self.order = saved.closed, saved.order
            self.open = {pane: [widened(unpack(part), policy, had)] for pane, part in saved.open.items()}
            self._begin(saved, policy.columns if had is None else had)
            self.kept.extend(saved.kept)
            self._hold(saved, policy.columns if had is None else had)
            known = saved.watermark.marks if saved.watermark is not None else ()
            self.seen = SpansSeen(dict.fromkeys(known, UNKNOWN) if saved.seen is None else saved.seen)
        self._admission = Admission(self.limits)

    def _begin(self, saved: SavedPanes, had: CountColumns) -> None:
        """Let what is new begin with the first pane that nothing has come of yet."""
        newest = NEVER if self.watermark is None else self.watermark.newest_ms // self.policy.pane_ms
        first = max(self.closed, newest, *self.open, NEVER) + 1
        own = self.policy.columns
        self.slis = saved.slis | dict.fromkeys(range(had.slis, own.slis), first)
        self.measures = saved.measures | dict.fromkeys(range(had.measures, own.measures), first)
        self.dimensions = begins_of(saved.dimensions, had.dimensions, own.dimensions, first)
        self.fields = begins_of(saved.fields, had.watched, own.watched, first)
        self._slicing = bool(self.dimensions)
        self.limits.reslice(had.dimensions, own.dimensions)

    def _hold(self, saved: SavedPanes, had: CountColumns) -> None:
        """Hold panes from the next one on in the ring of the policy, if it is another one than was used."""
        self.rings = {had.ring: NEVER} if saved.rings is None else dict(saved.rings)
        few = self.policy.rings[had.ring] if self.policy.rings else self.policy.slots
        before = self.closed - few if self.closed != NEVER else NEVER
        self.dropped, self.held = before if saved.dropped is None else saved.dropped, saved.held
        ring = self.policy.columns.ring
        if ring not in self.rings:
            self.rings[ring] = self.closed + 1
            self.held = max(self.held, self.dropped + 1)

    def _ring_of(self, pane: int) -> int:
        return max(ring for ring, first in self.rings.items() if first <= pane)

    def save(self) -> SavedPanes:
        """Return all that a restart needs."""
        self._admission.settle()
        return SavedPanes(
            watermark=self.watermark,
            open={pane: pack(together(parts)) for pane, parts in self.open.items()},
            limits=self.limits,
            closed=self.closed,
            order=self.order,
            kept=tuple(self.kept),
            commands=tuple(self.commands.waiting),
            seen=self.seen.positions,
            obeyed=self.commands.obeyed,
            slis=self.slis,
            measures=self.measures,
            dimensions=self.dimensions,
            fields=self.fields,
            maturing=self.maturing.save(),
            labels=self.estimating.save(),
            rings=self.rings,
            dropped=self.dropped,
            held=self.held,
            pane_ms=self.policy.pane_ms,
        )

    @property
    def lag_ms(self) -> int:
        """Event time from the watermark to the newest event, Unix ms; 0 before any, and once all has ended."""
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
        return [*self._recall(), *self._close(self.watermark)]

    def _recall(self) -> list[PaneItem]:
        if not self._recalling:
            return []
        self._recalling = False
        requests = (ReplayRequest(pane=pane, ring=self._ring_of(pane)) for pane in self.kept)
        return [ReplayPlan(panes=tuple(self.kept), order=self.order), *requests]

    def _numbered(self, partial: Partial) -> Partial:
        """Return it with its series numbered as those of all partitions are."""
        series, which = only_used(partial.series, partial.which)
        return msgspec.structs.replace(partial, series=self._leaves.numbered(series), which=which)

    def _placed(self, closing: int, partial: Partial) -> tuple[int, Partial]:
        """Return the pane that a partial closes with.

        What comes for a pane that closed while its partition was left out as idle is late, whatever its own log
        says: a closed pane is never reopened.
        """
        if closing > self.closed:
            return closing, partial
        late = msgspec.structs.replace(partial, late=np.ones_like(partial.late))
        return self.closed + 1, late

    def _close(self, watermark: Watermark) -> list[PaneItem]:
        pane_ms = self.policy.pane_ms
        last = watermark.low_ms // pane_ms - 1
        if watermark.ended:  # What came before the first whole pane of another length waits for that one, too.
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
        self.kept.extend(closed.pane for closed in out if closed.on_time is not None)
        return [*out, *self._drop()]

    def _close_each(self, due: list[int], known: set[int], last: int) -> Iterator[Closed]:
        """Close the panes that are due, in order; add to them those in which only what came in with them counts."""
        at = 0
        while at < len(due):
            yield self._close_one(due[at])
            at += 1
            if begun := self.maturing.begun():
                ripe = sorted(pane for pane in begun - known if pane <= last)
                known.update(ripe)
                due[at:] = sorted([*due[at:], *ripe])

    def _drop(self) -> list[PaneItem]:
        """Let go of the panes that no window needs any more; return what is said to slots of earlier rings."""
        gone, last = [], self.closed - self.policy.slots
        while self.kept and self.kept[0] <= last:
            self.dropped = self.kept.popleft()
            gone.append(self.dropped)
        if not gone or len(self.rings) == 1:
            return []
        current = max(self.rings)
        freed = [(pane, self._ring_of(pane)) for pane in gone]
        oldest = self._ring_of(self.kept[0] if self.kept else self.closed + 1)
        self.rings = {ring: first for ring, first in self.rings.items() if ring >= oldest}
        return [HoldsEnough(pane=pane, ring=ring) for pane, ring in freed if ring < current]

    def _forget_leaves(self) -> None:
        """Begin to number the finest series anew, once in a while: those that are gone are forgotten."""
        if self.closed >= self._leaves_until:
            if self._leaves_until != NEVER:
                self._leaves = LeafIndex()
            self._leaves_until = self.closed + LEAVES_PANES

    def _ordered(self, closed: Closed) -> Closed:
        self.order += 1
        return msgspec.structs.replace(
            closed,
            order=self.order - 1,
            begins=self.slis,
            sliced=self.dimensions,
            ring=max(self.rings),
            held=self.held,
        )

    def _close_one(self, pane: int) -> Closed:
        commands = self.commands.take(pane, self.policy.pane_ms, self.policy.late_horizon_ms)
        self.limits.declare(commands, self.policy)
        if pane not in self.open:
            ripe = self.maturing.take(pane, None, self.dimensions)
            return self._ordered(Closed(pane=pane, on_time=ripe, commands=commands))
        whole, folded = self._whole(pane)
        del self.open[pane]
        late = int(whole.late.searchsorted(1))
        rest = first_past(whole, late)
        on_time = self.estimating.fill(take(whole, 0, rest) if rest else None, pane)
        ripe = self.maturing.take(pane, on_time, self.dimensions)
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
        """Return what came in under an open pane as it counts, and what of it is past a limit."""
        whole = from_begin(together(self.open[pane]), self.slis, self.measures)
        if self.fields:
            whole = watched_from(whole, self.policy.watched, self.fields)
            self.fields = {field: first for field, first in self.fields.items() if pane < first}
        later = [dimension for dimension, first in self.dimensions.items() if pane < first]
        if later:
            names = {name: unsliced(name, later, len(self.policy.dimensions)) for name in whole.series}
            whole = merge([whole], names)
        elif self._slicing:  # Those from before it began have places until then.
            self._slicing = False
            self._admission.settle()
            self._admission.forget()
            self.limits.slice_by(len(self.policy.dimensions))
        homes, folded = self._admission.fold(whole, self.shard, pane, self.policy)
        whole = limit_error_types(merge([whole], homes) if homes else whole, self.policy.error_types_max)
        return whole, folded
