"""The saved state of the panes of a shard."""

import msgspec

from operators.window.label_cells import LabelCells
from operators.window.limits import Limits
from operators.window.waiting_commands import Coming, Obeyed
from operators.window.watermark import NEVER, Watermark


class SavedPanes(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a shard's panes; `kept` are the closed panes that the slots still hold.

    `seen` is the position up to which each partition was seen; None in state saved before it was kept. `slis`,
    `measures`, `dimensions` and watched `fields` began while the shard was already counting: by number, the first pane
    that has each in full. `labels` are those that SLIs are estimated from. `rings` have, by number, the first pane that
    each holds, `dropped` is the last pane no longer held, and `held` the first one held for all windows; None in state
    saved before there were rings. `pane_ms` is the length of its panes; 0: the length that goes with its columns.
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
