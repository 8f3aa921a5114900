"""What each version of a model served lately: which is the baseline, which are known, has the baseline changed."""

from collections.abc import Mapping
from operator import add

import msgspec
import numpy as np

from operators.spans import HOUR_MS
from operators.stats.binomial import lower_bound, upper_bound
from operators.wire.mirrored import is_mirrored

HOURS = 170  # How many are kept: a little more than a week.
BUCKET_MS = 60_000  # The length of a bucket.
BUCKETS = 60  # How many buckets with traffic are kept: an hour.
RECENT = 5  # Buckets that show the present: four to five minutes.
ALPHA = 0.01  # Of each bound.
Counted = tuple[int, int]  # Good and bad.


class Belief(msgspec.Struct, kw_only=True):
    """Judgements of one version and SLI: `newest` are how many count, and how many count neither way, by pane.

    `last` is the last pane with any. `again`: 0 while the judges are not believed, then the pane in which they were
    believed again; None: they always were (`doubts.py`).
    """

    newest: tuple[tuple[int, int], ...] = ()
    last: int = -1_000_000_000
    again: int | None = None


class Served(msgspec.Struct, kw_only=True):
    """What one version served: `buckets` by number hold requests, then good and bad of each SLI. Panes are numbers.

    `hours` hold the same for each hour since 1970. `beliefs` are by SLI, for those that judges score.
    """

    first: int
    last: int
    buckets: dict[int, list[int]] = {}
    hours: dict[int, list[int]] = {}
    beliefs: dict[str, Belief] = {}

    def requests(self, since: int) -> int:
        """Return the requests in the buckets from `since` on."""
        requests = 0
        for number, counted in reversed(self.buckets.items()):  # They are in the order of their times.
            if number < since:
                break
            requests += counted[0]
        return requests

    def add(self, pane: int, bucket: int, hour: int, came: list[int]) -> None:
        """Add the counts of a pane: requests, then good and bad of each SLI."""
        if came[0]:
            self.last = pane
        for kept, number, most in ((self.buckets, bucket, BUCKETS), (self.hours, hour, HOURS)):
            known = kept.get(number)
            if known is not None:
                kept[number] = list(map(add, known, came))
                continue
            kept[number] = came
            while len(kept) > most:
                del kept[min(kept)]

    def counts(self, sli: int, before: int | None = None, since: int | None = None) -> Counted:
        """Return the counts of an SLI in the buckets before one, or from one on."""
        chosen = [
            bucket
            for number, bucket in self.buckets.items()
            if (before is None or number < before) and (since is None or number >= since)
        ]
        return sum(bucket[1 + 2 * sli] for bucket in chosen), sum(bucket[2 + 2 * sli] for bucket in chosen)


def bucket_of(pane: int, pane_ms: int) -> int:
    return pane * pane_ms // BUCKET_MS


def hour_of(pane: int, pane_ms: int) -> int:
    return pane * pane_ms // HOUR_MS


def busiest(served: Mapping[str, Served], but: frozenset[str], since: int) -> str | None:
    """Return the version with the most requests since a bucket, leaving out `but`; the first by name among equals."""
    known = [(-each.requests(since), version) for version, each in served.items() if version not in but]
    return min(known)[1] if known and min(known)[0] < 0 else None


def share_since(served: Mapping[str, Served], version: str, since: int) -> float:
    """Return a version's share of the requests since a bucket."""
    mine = every = 0
    for name, each in served.items():
        if not is_mirrored(name):
            requests = each.requests(since)
            mine, every = requests if name == version else mine, every + requests
    return mine / every if mine else 0.0


def has_degraded(before: Counted, now: Counted) -> bool:
    """Tell whether the ratio of bad events is surely higher now: Clopper-Pearson intervals at 0.99 do not overlap."""
    if not (sum(before) and sum(now)):
        return False
    highest_before = upper_bound(np.array([before[1]]), np.array([sum(before)]), ALPHA)[0]
    lowest_now = lower_bound(np.array([now[1]]), np.array([sum(now)]), ALPHA)[0]
    return bool(lowest_now > highest_before)


def bad_ratio(counted: Counted) -> float:
    return counted[1] / max(sum(counted), 1)
