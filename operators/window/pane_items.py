"""What goes into the panes of a shard, and what comes out of them."""

from collections.abc import Mapping, Sequence

import msgspec

from operators.window.fence import Span
from operators.window.folded import Folded
from operators.window.pane_lengths import Leftover
from operators.window.partial import Partial
from operators.window.waiting_commands import Coming, Due
from operators.window.watermark import NEVER, PartitionProgress


class ShardInput(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch of one partition sends to one shard: its mark, partials and commands by the pane they close with.

    `span` is where the batch stands in its partition; None where nothing is ever resumed. Where several policies share
    a worker, `teams` has each partial's policy number.
    """

    shard: int
    mark: PartitionProgress
    partitions: tuple[str, ...]
    partials: Sequence[tuple[int, Partial]] = ()
    commands: Sequence[tuple[int, Coming]] = ()
    span: Span | None = None
    teams: Sequence[int] = ()


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """Pane number `pane` and all before it are closed; `end` says that no pane follows.

    `on_time` and `late` are what came in under this pane, None where nothing did; `commands` take effect with it.
    `rest` is what came in on time of models past the limit: counted in rows, but not seen by rules. `folded` says what
    else is past a limit. `begins` has, by number, the first panes of SLIs that began while the shard was counting,
    `sliced` those of slice dimensions. The pane is held in the ring of slots with number `ring`; for windows that have
    become longer some panes before `held` are missing. `anew`: panes have another length from the next one on; this is
    not a real pane and lies ahead of time, so nothing is decided by it.
    """

    pane: int
    on_time: Partial | None = None
    late: Partial | None = None
    end: bool = False
    order: int = 0  # Counts the panes a shard closed, as they may reach the windows out of order.
    commands: tuple[Due, ...] = ()
    rest: Partial | None = None
    folded: tuple[Folded, ...] = ()
    begins: Mapping[int, int] = {}
    sliced: Mapping[int, int] = {}
    ring: int = 0
    held: int = NEVER
    anew: bool = False


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Asks the slot that holds a closed pane, after a restart, to send it again (`PaneReplay`)."""

    pane: int
    ring: int = 0


class HoldsEnough(msgspec.Struct, frozen=True, kw_only=True):
    """Tells the slot of an earlier ring that no window needs the closed pane it holds any more."""

    pane: int
    ring: int


class ReplayPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Tells the windows, after a restart, to wait for a `PaneReplay` of each of `panes`; the next pane has `order`."""

    panes: tuple[int, ...]
    order: int


PaneItem = Closed | ReplayRequest | ReplayPlan | HoldsEnough | Leftover
