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
