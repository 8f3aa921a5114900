"""What a closed pane shows about one model, from the counts of a shard: the context of all decisions on the model.

Contexts are made only for models to which something happens; for all others `pane_traffic.py` is enough.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.release.model import PaneContext
from operators.release.model_slots import ALL_TRAFFIC, ModelSlots
from operators.release.pane_traffic import PaneTraffic, VersionTraffic, traffic_of
from operators.rules.current import Current
from operators.rules.pane_counts import PaneCounts
from operators.rules.spreads import Values
from operators.window.partial import Partial
from operators.window.series_index import SliceSeries
from operators.window.sliced_leaves import SlicedLeaves
from operators.wire.mirrored import is_mirrored

Places = Mapping[tuple[str, str], int]  # By version and slice: the row in the counts.


class PaneContexts:
    """One closed pane: the traffic of every model, and the contexts of those that are asked for."""

    def __init__(
        self, contexts: "Contexts", counts: PaneCounts, traffic: PaneTraffic, current: Current, values: Values
    ) -> None:
        self.traffic = traffic
        self._contexts, self._counts, self._current, self._values = contexts, counts, current, values
        self._made: dict[str, PaneContext] = {}

    def of(self, model: str) -> PaneContext:
        """Return the context of a model: the same object on every call."""
        at = self._made.get(model)
        if at is None:
            at = self._made[model] = self._make(model)
        return at

    def _make(self, model: str) -> PaneContext:
        current, values = self._current, self._values
        came = self.traffic.came.get(model, ())
        copies = sorted((each for each in came if is_mirrored(each.version)), key=lambda each: each.version)
        counts = _ModelCounts(self._contexts, self._counts, model, came)
        return PaneContext(
            policy=self._contexts.policy,
            pane=self._counts.pane,
            requests=self.traffic.requests(model),
            copies={each.version: each.requests for each in copies},
            slis=counts.slis,
            producers=counts.producers,
            errors=self.traffic.seen.errors.get(model, {}),
            samples=self.traffic.seen.samples.get(model, {}),
            current=lambda rule, version, text, compared=None: current.of(rule, (model, version, text), compared),
            above=lambda version, text, measure, code: values.above(model, version, text, measure, code),
            shift=lambda rule, version, measure, since, code: current.shift(
                rule, (model, version, measure), since, code
            ),
        )


class _ModelCounts:
    """The counts by SLI of one model in a closed pane, (S, 3) for each version and slice."""

    def __init__(self, contexts: "Contexts", counts: PaneCounts, model: str, came: Sequence[VersionTraffic]) -> None:
        self._contexts, self._counts, self._model = contexts, counts, model
        self._whole = {(each.version, ALL_TRAFFIC): each.row for each in came}

    @cached_property  # Only built when more than all traffic is asked for.
    def _places(self) -> Places:
        return self._contexts.places(self._model, self._counts)

    def slis(self, version: str, text: str) -> Ints | None:
        row = self._whole.get((version, text))
        row = self._places.get((version, text)) if row is None else row
        return None if row is None else self._counts.slis[row]

    def producers(self, version: str) -> dict[str, Ints]:
        producer = self._contexts.producer
        if producer is None:
            return {}
        return {
            text: self._counts.slis[row]
            for (of, text), row in self._places.items()
            if of == version and producer.fullmatch(text)
        }


class Contexts:
    """Makes the contexts of a shard under one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        producer = policy.releases.producer
        # Slices of the dimension alone, not its crosses.
        self.producer = None if producer is None else re.compile(re.escape(producer) + r"=(?:[^,\\]|\\.)*")
        self.leaves = SlicedLeaves(policy.dimensions)
        self._slots = ModelSlots()
        self._names: Sequence[SliceSeries] = ()

    def of(
        self, counts: PaneCounts, names: Sequence[SliceSeries], part: Partial | None, current: Current
    ) -> PaneContexts:
        """Return the contexts of a pane; `names` are its series by slot."""
        self._names = names
        self._slots.follow(names)
        traffic = traffic_of(counts, names, self._slots, part, self.policy)
        return PaneContexts(self, counts, traffic, current, Values(part, self.leaves))

    def places(self, model: str, counts: PaneCounts) -> Places:
        """Return the row of each version and slice of a model in the counts of a pane."""
        rows = self._slots.rows_of(model, counts)
        slots = counts.slots[rows].tolist()
        return {self._names[slot][1:3]: row for slot, row in zip(slots, rows.tolist(), strict=True)}
