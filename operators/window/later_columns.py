"""Columns added while a shard was already counting: counts before their first whole pane are left out."""

from operators.policy.policy import CountColumns, Policy
from operators.window.merging import merge
from operators.window.partial import Partial
from operators.window.saved_panes import SavedPanes
from operators.window.watched_columns import watched_from
from operators.window.widening import begins_of, from_begin, unsliced


class LaterColumns:
    """The first panes of the SLIs, measures, slice dimensions and watched fields that began later, by their number."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.slis: dict[int, int] = {}
        self.measures: dict[int, int] = {}
        self.dimensions: dict[int, int] = {}
        self.fields: dict[int, int] = {}
        self._slicing = False  # Whether a dimension is still to begin, for all we know.

    def resume(self, saved: SavedPanes, had: CountColumns, first: int) -> None:
        """Let new columns begin with `first`, the first pane of which nothing has come yet."""
        own = self._policy.columns
        self.slis = saved.slis | dict.fromkeys(range(had.slis, own.slis), first)
        self.measures = saved.measures | dict.fromkeys(range(had.measures, own.measures), first)
        self.dimensions = begins_of(saved.dimensions, had.dimensions, own.dimensions, first)
        self.fields = begins_of(saved.fields, had.watched, own.watched, first)
        self._slicing = bool(self.dimensions)

    def forget(self) -> None:
        """Have all columns in full from now on."""
        self.slis, self.measures, self.dimensions, self.fields = {}, {}, {}, {}

    def counted(self, whole: Partial, pane: int) -> Partial:
        """Return the counts of a pane without the columns that begin later."""
        whole = from_begin(whole, self.slis, self.measures)
        if self.fields:
            whole = watched_from(whole, self._policy.watched, self.fields)
            self.fields = {field: first for field, first in self.fields.items() if pane < first}
        later = self._unsliced(pane)
        if later:
            names = {name: unsliced(name, later, len(self._policy.dimensions)) for name in whole.series}
            whole = merge([whole], names)
        return whole

    def begin_slicing(self, pane: int) -> bool:
        """Return True once: for the first pane as of which every slice dimension has begun."""
        if not self._slicing or self._unsliced(pane):
            return False
        self._slicing = False
        return True

    def _unsliced(self, pane: int) -> list[int]:
        return [dimension for dimension, first in self.dimensions.items() if pane < first]
