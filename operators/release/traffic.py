"""What each version of a model served lately: who is the baseline, who is known, did the baseline change as well."""

from collections.abc import Mapping
from operator import add

import msgspec
import numpy as np

from operators.spans import HOUR_MS
from operators.stats.binomial import lower_bound, upper_bound
from operators.wire.mirrored import is_mirrored

HOURS = 170  # How many are kept: a week and some more.
BUCKET_MS = 60_000  # What is counted together.
BUCKETS = 60  # How many are kept, of those with traffic: an hour.
RECENT = 5  # Buckets that say how it is now: four to five minutes.
ALPHA = 0.01  # Of each bound.
Counted = tuple[int, int]  # Good and bad.


class Belief(msgspec.Struct, kw_only=True):
    """What judges say of one version and SLI: `newest` are how many judgements count, and count neither way, by pane.

    `last` is the last pane with any. `again`: 0 while the judges are not believed, then the pane in which they were
    again; None: they always were (`doubts.py`).
    """

    newest: tuple[tuple[int, int], ...] = ()
    last: int = -1_000_000_000
    again: int | None = None


class Served(msgspec.Struct, kw_only=True):
    """What one version served: `buckets` by number hold requests, then good and bad of each SLI. Panes are numbers.

    `hours` hold the same of each hour since 1970. `beliefs` are by SLI, of those that judges score.
    """

    first: int
    last: int
    buckets: dict[int, list[int]] = {}
    hours: dict[int, list[int]] = {}
    beliefs: dict[str, Belief] = {}

    def requests(self, since: int) -> int:
        """Return the requests in the buckets from `since` on."""
        requests = 0
        for number, counted in reversed(self.buckets.items()):  # They came in the order of their times.
            if number < since:
                break
            requests += counted[0]
        return requests

    def add(self, pane: int, bucket: int, hour: int, came: list[int]) -> None:
        """Add what came in under a pane: requests, then good and bad of each SLI."""
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
        """Return what was counted of an SLI in the buckets before one, or from one on."""
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
    """Return the version, none of these, with the most requests since a bucket; the first by name among equals."""
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
    """Tell whether the ratio of bad events is surely higher now: intervals (Clopper-Pearson) at 0.99 each apart."""
    if not (sum(before) and sum(now)):
        return False
    highest_before = upper_bound(np.array([before[1]]), np.array([sum(before)]), ALPHA)[0]
    lowest_now = lower_bound(np.array([now[1]]), np.array([sum(now)]), ALPHA)[0]
    return bool(lowest_now > highest_before)


def bad_ratio(counted: Counted) -> float:
    return counted[1] / max(sum(counted), 1)
