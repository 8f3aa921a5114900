"""Does a version surely have no more than a share of the requests? A test that may be looked at after every pane.

With w the allowed share, the null "its share is at least w in every pane" is tested against shares q < w. A
pane with x of n requests has the likelihood ratio

    e = (q / w) ** x * ((1 - q) / (1 - w)) ** (n - x),    E[e | share >= w] <= 1

and, as in `recovery_test.py`, M_k = e_k (M_{k-1} + w_k), E_k = M_k + 1 / (k + 1), w_k = 1 / (k (k + 1)) begins anew at
every pane: requests in flight, and gateways that take their time, count against it no longer than they last. The mean
over a few q is an e-process: however often one looks, P(E ever reaches 1 / ALPHA | null) <= ALPHA (Ville 1939). For a
version that stops at once it takes some 4 / w requests of others, for one that stops after a minute 6.5 / w.
"""

import math

import msgspec

from operators.stats.recovery_test import log_add

ALPHA = 0.05
# Each q as a part of w, and its weight in the mean: most versions that stop serve nobody, some a trickle.
PARTS = ((1 / 64, 0.5), (1 / 8, 0.25), (1 / 2, 0.25))
LIMIT_MIN = 1e-6  # Of w: for a share of nothing no number of requests would prove anything.


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic since a version was withdrawn, in `panes` panes with requests; `log_m` is ln M for each of `PARTS`.

    `since` [Unix ms] is when its share fell to the allowed one, as far as the counts can tell, None while it has more;
    from then on it had `requests` of `total`.
    """

    since: int | None = None
    requests: int = 0
    total: int = 0
    panes: int = 0
    log_m: tuple[float, ...] = (-math.inf,) * len(PARTS)

    @property
    def sure(self) -> bool:
        return self.since is not None and self.log_e >= -math.log(ALPHA)

    @property
    def log_e(self) -> float:
        total = -math.log(self.panes + 1)
        for log_m, (_, weight) in zip(self.log_m, PARTS, strict=True):
            total = log_add(log_m + math.log(weight), total)
        return total

    def step(self, requests: int, total: int, limit: float, begins: int) -> "Gone":
        """Return the test after a pane with some requests that `begins` at this time [Unix ms].

        >>> gone = Gone()
        >>> for pane in range(5):
        ...     gone = gone.step(0, 100, limit=0.01, begins=pane)
        >>> gone.since, gone.total, gone.sure, gone.step(2, 100, limit=0.01, begins=5).sure
        (0, 500, True, False)
        """
        w, panes = max(limit, LIMIT_MIN), self.panes + 1
        fresh = -math.log(panes * (panes + 1))
        log_m = tuple(
            _gain(requests, total, w, w * part) + log_add(before, fresh)
            for before, (part, _) in zip(self.log_m, PARTS, strict=True)
        )
        came, n = self.requests + requests, self.total + total
        if came > limit * n:
            return Gone(panes=panes, log_m=log_m)
        since = begins if self.since is None else self.since
        return Gone(since=since, requests=came, total=n, panes=panes, log_m=log_m)


def _gain(requests: int, total: int, w: float, q: float) -> float:
    """Return ln e of a pane."""
    return requests * math.log(q / w) + (total - requests) * math.log((1 - q) / (1 - w))
