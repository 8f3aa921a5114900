"""What is saved of the panes of a shard."""

import msgspec

from operators.window.label_cells import LabelCells
from operators.window.limits import Limits
from operators.window.waiting_commands import Coming, Obeyed
from operators.window.watermark import NEVER, Watermark


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
