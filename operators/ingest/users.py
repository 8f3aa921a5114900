"""The users of events, or else their sessions, each in one of a fixed number of buckets by a hash.

The buckets tell how alike the events of a window are (`operators/stats/design_effect.py`), but do not identify anybody.
"""

from collections.abc import Sequence

from operators.arrays import Ints
from operators.ingest.id_hashes import chain_hashes
from operators.stats.design_effect import BUCKETS
from operators.wire.events import Event, whose

NOBODY = -1


def buckets_of(events: Sequence[Event]) -> Ints | None:
    """Return the bucket of each event's user, NOBODY where it names none; None where no event names one.

    All sessions of a user count as one, as users have habits. The buckets are the same in every process.
    """
    names = whose(events)
    if not any(names):
        return None
    found = chain_hashes(names) % BUCKETS
    found[[not name for name in names]] = NOBODY
    return found
