"""What a policy needs of events, read while they are still in the processor's caches; then they can be freed."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.ingest.formats.origin import Origin, Reject

Faults = Mapping[int, tuple[str, str]]
NONE = np.zeros(0, np.int64)


class ReadEvents(msgspec.Struct, frozen=True, kw_only=True):
    """n events in order, each column (n,).

    `parts` number model, version and dimension values, `errors` the error types, 0 for none. `numbers` are float
    columns by name. `requests` are hashes of request and attempt, `chain` and `event` those of `chains.py`; each is
    empty where the policy does not need it. `lineage` marks events that name a prompt version or endpoint, `faults`
    says why some are refused for their names or kind alone, by place.
    """

    parts: Sequence[Ints]
    errors: Ints
    numbers: Mapping[str, Floats]
    requests: Ints = NONE
    chain: Ints = NONE
    event: Ints = NONE
    lineage: NDArray[np.bool_]
    faults: Faults

    def of(self, rows: Ints) -> "ReadEvents":
        """Return what was read of the events at `rows`, none of which may be refused."""
        return ReadEvents(
            parts=[part[rows] for part in self.parts],
            errors=self.errors[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
            requests=self.requests[rows] if len(self.requests) else NONE,
            chain=self.chain[rows] if len(self.chain) else NONE,
            event=self.event[rows] if len(self.event) else NONE,
            lineage=self.lineage[rows],
            faults={},
        )


class ScannedReads(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of messages: what was read of n events, and what else is known about them."""

    read: ReadEvents
    times: Ints
    origin: Origin
    rejects: Sequence[Reject]
    unread: Sequence[str]


def joined_reads(reads: Sequence[ReadEvents]) -> ReadEvents:
    """Return at least one of them, in order, as one."""
    if len(reads) == 1:
        return reads[0]
    firsts = np.cumsum([0, *(len(each.errors) for each in reads)]).tolist()
    return ReadEvents(
        parts=[np.concatenate(part) for part in zip(*(each.parts for each in reads), strict=True)],
        errors=np.concatenate([each.errors for each in reads]),
        numbers={name: np.concatenate([each.numbers[name] for each in reads]) for name in reads[0].numbers},
        requests=np.concatenate([each.requests for each in reads]),
        chain=np.concatenate([each.chain for each in reads]),
        event=np.concatenate([each.event for each in reads]),
        lineage=np.concatenate([each.lineage for each in reads]),
        faults={
            first + place: fault
            for first, each in zip(firsts, reads, strict=False)
            for place, fault in each.faults.items()
        },
    )
