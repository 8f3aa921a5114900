"""Feedback: completed with the context of its request where that is known, stored item by item, and counted."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from operators.arrays import Ints
from operators.ingest import reserved
from operators.ingest.again import Items
from operators.ingest.answers import KnownRequests
from operators.ingest.believed import without_absurd_times
from operators.ingest.duplicates import criterion_ids, feedback_hashes
from operators.ingest.formats.origin import Origin
from operators.ingest.placing import Reasons
from operators.ingest.streams.counted import CountedItems
from operators.ingest.streams.stream import PlacedItems
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.stats.multiple_testing import Bools
from operators.wire.events import REPORTED, Feedback

NO_CONTEXT = "no_context"


class FeedbackItems(CountedItems):
    """The feedback of one batch."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, requests: KnownRequests | None) -> None:
        super().__init__("feedback", policy, pseudonyms)
        self._requests = requests
        self.feedback: list[Feedback] = []
        self._items: Sequence[Feedback] = ()  # Those of the chunk, then their models, versions and slices as numbers.
        self._parts: list[Ints] = []

    @property
    def needs_items(self) -> bool:
        return True

    def read(self, items: Sequence[Feedback]) -> Sequence[Feedback]:
        self.unusable.update(request_ts=without_absurd_times(items))
        self._items = items if self._requests is None else [*map(self._requests.completed, items)]
        self._parts = self.builder.parts.of(self._items)
        return self._items

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        found = {}
        for place, item in zip(index.tolist(), cast(Sequence[Feedback], items), strict=True):
            if place not in known and (fault := self._fault(item)) is not None:
                found[place] = fault
        return found

    def _fault(self, item: Feedback) -> tuple[str, str] | None:
        return (None if self._requests is None else self._requests.fault_of(item)) or _fault_of(item)

    def criteria(self) -> Ints | None:
        """Return ids of judgements where an SLI counts the first of several sources; 0 for those after a complaint."""
        if not self._policy.dedup.horizon_ms or not any(sli.once for sli in self._policy.slis):
            return None
        if not self._items:
            return np.zeros(0, np.int64)
        ids = criterion_ids(self._items, self.named())
        ids[[not item.name or item.sample == REPORTED for item in self._items]] = 0
        return ids

    def requests(self) -> Ints:
        return feedback_hashes(self._items)

    def parts(self) -> Sequence[Ints]:
        return self._parts

    def add(self, placed: PlacedItems) -> tuple[Sequence[Ints], Bools]:
        parts = self._parts if placed.keep.all() else [part[placed.keep] for part in self._parts]
        items = cast(Sequence[Feedback], placed.items)
        self.builder.add_feedback(items, placed.times, parts, placed.repeated)
        self.feedback += items
        return parts, np.zeros(len(items), bool)


def _fault_of(item: Feedback) -> tuple[str, str] | None:
    """Return why a feedback cannot be used, apart from its own time."""
    if item.model is None or item.version is None:
        return NO_CONTEXT, "feedback needs model and version; without them send it to the topic that enrich reads"
    return reserved.name_fault(item.model, item.version)
