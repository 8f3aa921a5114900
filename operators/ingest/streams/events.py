"""Events: refused for their names alone, and counted."""

from collections.abc import Sequence

from operators.arrays import Ints
from operators.ingest import reserved, wrong_topic
from operators.ingest.event_times import EventTimes
from operators.ingest.formats.origin import Origin
from operators.ingest.placing import Reasons
from operators.ingest.streams.counted import CountedItems
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.wire.events import Event, Feedback


class EventItems(CountedItems):
    """The events of one batch."""

    feedback: Sequence[Feedback] = ()

    def __init__(self, policy: Policy, pseudonyms: Pseudonyms) -> None:
        super().__init__("events", policy, pseudonyms)

    def faults(self, items: Sequence[Event], index: Ints, origin: Origin, known: Reasons) -> Reasons:
        faults = wrong_topic.feedback_faults(items) | reserved.faults_of(items)
        return {int(index[row]): fault for row, fault in faults.items()}

    def add(self, items: Sequence[Event], times: EventTimes, parts: Sequence[Ints]) -> None:
        self.builder.add_events(items, times, parts)
