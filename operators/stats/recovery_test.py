"""Are users well again? Good and bad events since a rollback was applied, tested pane by pane.

With p the ratio of bad events, the null "p >= q in every pane" is tested against "p = w", w < q. A pane with x bad
events of n has the likelihood ratio

    e = (w / q) ** x * ((1 - w) / (1 - q)) ** (n - x),    E[e | p >= q] <= 1

and, as in `operators/stats/e_process.py`, M_k = e_k (M_{k-1} + w_k), E_k = M_k + 1 / (k + 1), w_k = 1 / (k (k + 1))
allows for a bad beginning: the pinned version may need some minutes to take the load. However often one looks,
P(E ever reaches 1 / alpha | null) <= alpha (Ville 1939).
"""

import math

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`good` and `bad` events in `panes` panes with any events; `log_m` is ln M."""

    good: int = 0
    bad: int = 0
    panes: int = 0
    log_m: float = -math.inf

    @property
    def log_e(self) -> float:
        return log_add(self.log_m, -math.log(self.panes + 1))

    def step(self, good: int, bad: int, bad_max: float, bad_well: float) -> "Health":
        """Return the test after one more pane; 0 < `bad_well` < `bad_max` < 1 are w and q.

        >>> health = Health()
        >>> for pane in range(3):
        ...     health = health.step(100, 1, bad_max=0.06, bad_well=0.01)
        >>> health.panes, health.good, round(health.log_e, 2)
        (3, 300, 9.49)
        """
        if not good + bad:
            return self
        panes = self.panes + 1
        gain = bad * math.log(bad_well / bad_max) + good * math.log((1 - bad_well) / (1 - bad_max))
        log_m = gain + log_add(self.log_m, -math.log(panes * (panes + 1)))
        return Health(good=self.good + good, bad=self.bad + bad, panes=panes, log_m=log_m)


def log_add(a: float, b: float) -> float:
    """Return ln(e ** a + e ** b); `b` is finite."""
    high, low = max(a, b), min(a, b)
    return high + math.log1p(math.exp(low - high))
