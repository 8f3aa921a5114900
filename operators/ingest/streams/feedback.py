"""Feedback: completed with the context of its request where that is known, stored item by item, and counted."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest import reserved
from operators.ingest.answers import KnownRequests
from operators.ingest.believed import without_absurd_times
from operators.ingest.duplicates import criterion_ids
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.origin import Origin
from operators.ingest.placing import Reasons
from operators.ingest.streams.counted import CountedItems
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.wire.events import Feedback

NO_CONTEXT = "no_context"


class FeedbackItems(CountedItems):
    """The feedback of one batch."""

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms, requests: KnownRequests | None) -> None:
        super().__init__("feedback", policy, pseudonyms)
        self._requests = requests
        self.feedback: list[Feedback] = []

    def read(self, items: Sequence[Feedback]) -> Sequence[Feedback]:
        self.unusable.update(request_ts=without_absurd_times(items))
        return super().read(items if self._requests is None else [*map(self._requests.completed, items)])

    def faults(self, items: Sequence[Feedback], index: Ints, origin: Origin, known: Reasons) -> Reasons:
        found = {}
        for place, item in zip(index.tolist(), items, strict=True):
            if place not in known and (fault := self._fault(item)) is not None:
                found[place] = fault
        return found

    def _fault(self, item: Feedback) -> tuple[str, str] | None:
        return (None if self._requests is None else self._requests.fault_of(item)) or _fault_of(item)

    def criteria(self, items: Sequence[Feedback]) -> Ints | None:
        """Of judgements, where an SLI counts the first of several sources."""
        if not self._policy.dedup.horizon_ms or not any(sli.once for sli in self._policy.slis):
            return None
        if not items:
            return np.zeros(0, np.int64)
        ids = criterion_ids(items, [(self._parts[part], self.builder.names(part)) for part in (0, 1)])
        ids[[not item.name for item in items]] = 0
        return ids

    def add(self, items: Sequence[Feedback], times: EventTimes, parts: Sequence[Ints]) -> None:
        self.builder.add_feedback(items, times, parts, self.repeated)
        self.feedback += items


def _fault_of(item: Feedback) -> tuple[str, str] | None:
    """Why a feedback cannot be used, whatever its own time."""
    if item.model is None or item.version is None:
        return NO_CONTEXT, "feedback needs model and version; without them send it to the topic that enrich reads"
    return reserved.name_fault(item.model, item.version)
