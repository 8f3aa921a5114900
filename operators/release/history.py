"""What each version of a model served lately: who is the baseline, who is known, did the baseline change as well."""

from collections.abc import Mapping

import msgspec
import numpy as np

from operators.verdict.binomial import lower_bound, upper_bound
from operators.window.partial import BAD, GOOD, Ints

BUCKET_MS = 300_000  # What is counted together.
BUCKETS = 24  # How many are kept: two hours.
RECENT = 2  # Buckets that say how it is now: five to ten minutes.
ALPHA = 0.01  # Of each bound.


class Served(msgspec.Struct, kw_only=True):
    """What one version served: `buckets` by number hold requests, then good and bad of each SLI. Panes are numbers."""

    first: int
    last: int
    buckets: dict[int, list[int]] = {}

    def requests(self, since: int) -> int:
        """Return the requests in the buckets from `since` on."""
        return sum(bucket[0] for number, bucket in self.buckets.items() if number >= since)

    def add(self, pane: int, bucket: int, requests: int, slis: Ints) -> None:
        """Add what came in under a pane: `slis` (S, 3)."""
        if requests:
            self.last = pane
        came = [requests, *slis[:, [GOOD, BAD]].ravel().tolist()]
        known = self.buckets.get(bucket)
        self.buckets[bucket] = came if known is None else [a + b for a, b in zip(known, came, strict=True)]
        while len(self.buckets) > BUCKETS:
            del self.buckets[min(self.buckets)]

    def counts(self, sli: int, before: int | None = None, since: int | None = None) -> tuple[int, int]:
        """Return (good, bad) of an SLI in the buckets before one, or from one on."""
        chosen = [
            bucket
            for number, bucket in self.buckets.items()
            if (before is None or number < before) and (since is None or number >= since)
        ]
        return sum(bucket[1 + 2 * sli] for bucket in chosen), sum(bucket[2 + 2 * sli] for bucket in chosen)


def bucket_of(pane: int, pane_ms: int) -> int:
    return pane * pane_ms // BUCKET_MS


def busiest(served: Mapping[str, Served], but: frozenset[str], since: int) -> str | None:
    """Return the version, none of these, with the most requests since a bucket; the first by name among equals."""
    known = [(-each.requests(since), version) for version, each in served.items() if version not in but]
    return min(known)[1] if known and min(known)[0] < 0 else None


def degraded_together(candidate: Served, baseline: Served, sli: int, now: int) -> bool:
    """Tell whether the baseline has become worse too, and that explains at least half of the candidate's harm.

    With b the baseline's ratio of bad events before bucket `now` - 1, and c', b' those of both since: b' > b at
    confidence 0.99 each (Clopper-Pearson intervals apart), and b' - b >= (c' - b) / 2.
    """
    since = now - RECENT + 1
    (good, bad), (good_now, bad_now) = baseline.counts(sli, before=since), baseline.counts(sli, since=since)
    good_c, bad_c = candidate.counts(sli, since=since)
    if not (good + bad and good_now + bad_now and good_c + bad_c):
        return False
    highest_before = upper_bound(np.array([bad]), np.array([good + bad]), ALPHA)[0]
    lowest_now = lower_bound(np.array([bad_now]), np.array([good_now + bad_now]), ALPHA)[0]
    before, after = bad / (good + bad), bad_now / (good_now + bad_now)
    harm = bad_c / (good_c + bad_c) - before
    return bool(lowest_now > highest_before and after - before >= harm / 2)
