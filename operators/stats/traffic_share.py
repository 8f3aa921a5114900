"""Has a version more than a share of the requests? A test that never stops looking.

With w the allowed share, the null "its share is at most w in every pane" is tested against shares q > w. A pane
with x of n requests has the likelihood ratio

    e = (q / w) ** x * ((1 - q) / (1 - w)) ** (n - x),    E[e | share <= w] <= 1

and M_k = e_k (M_{k-1} + 1), averaged over a grid of q, is an e-detector (Shin, Ramdas, Rinaldo: E-detectors, New
England Journal of Statistics in Data Science 2 (2023)): under the null it takes 1 / ALPHA panes on average until M
reaches 1 / ALPHA, and after any change of the share as long as if one had begun to look then. Starting anew whenever M
is small makes it smaller, never larger.
"""

import math

import msgspec

ALPHA = 1e-6  # Panes of 10 s with requests: one false alarm in 16 weeks, if the share is at its limit all the time.
ODDS = tuple(2.0**power for power in range(1, 11))  # The odds of q, as multiples of those of w.
SHARE_MIN = 1e-6  # Of w: for a share of nothing a single request would be proof.
LITTLE = math.log(1e-3)


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """A version had `requests` of `total` since the test began; `log_m` is ln M for each of `ODDS`."""

    requests: int = 0
    total: int = 0
    log_m: tuple[float, ...] = (-math.inf,) * len(ODDS)

    @property
    def sure(self) -> bool:
        return self._log_mean >= -math.log(ALPHA)

    @property
    def _log_mean(self) -> float:
        high = max(self.log_m)
        return high + math.log(sum(math.exp(each - high) for each in self.log_m) / len(self.log_m))

    def step(self, requests: int, total: int, allowed: float) -> "Excess | None":
        """Return the test after a pane with some requests, None where nothing points to an excess any more.

        >>> excess = Excess().step(30, 100, allowed=0.01)
        >>> excess.requests, excess.sure, Excess().step(1, 100, allowed=0.01).sure
        (30, True, False)
        """
        w = max(allowed, SHARE_MIN)
        log_m = tuple(
            gain + _log_add_one(before)
            for before, gain in zip(self.log_m, (_gain(requests, total, w, odds) for odds in ODDS), strict=True)
        )
        after = Excess(requests=self.requests + requests, total=self.total + total, log_m=log_m)
        return after if after._log_mean > LITTLE else None


def _gain(requests: int, total: int, w: float, odds: float) -> float:
    """Return ln e of a pane, against the share whose odds are `odds` times those of w."""
    q = odds * w / (1 - w + odds * w)
    return requests * math.log(q / w) + (total - requests) * math.log((1 - q) / (1 - w))


def _log_add_one(a: float) -> float:
    """Return ln(e ** a + 1)."""
    return max(a, 0.0) + math.log1p(math.exp(-abs(a)))
