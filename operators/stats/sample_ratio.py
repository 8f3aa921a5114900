"""Does traffic arrive in the shares that were declared? A test that may be looked at after every pane.

The counts c of the arms are tested against the declared shares s by a mixture of multinomials, Dirichlet(a) with
a = 100 s:

    ln L1 = lnG(sum a) - lnG(sum a + sum c) + sum (lnG(a_i + c_i) - lnG(a_i)),   ln L0 = sum c_i ln s_i

L1 / L0 is a martingale from 1 while the shares are true, so p = min(1, L0 / L1) falls to alpha or below, ever, with
chance <= alpha. A broken split means that the arms cannot be compared: their users differ, or requests are lost.

A broken split may be mended: a gateway took some minutes to obey, or somebody corrected it. So once a split is found
unhealthy the test begins anew, from no counts, as often as traffic still differs from the shares; it is healthy again
when the counts since then make the declared shares `HEALTHY_AGAIN` times as likely as others. Each stretch counts
nothing of what came before it, so each finds true shares unhealthy with chance <= UNHEALTHY_BELOW.

Source: M. Lindon, A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS 35 (2022), arXiv 2011.03567:
the Bayes factor of a Dirichlet prior against the null.
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from operators.arrays import Floats, Ints

CONCENTRATION = 100.0  # Requests: the weight of the declared shares against other shares.
UNHEALTHY_BELOW = 0.001
HEALTHY_AGAIN = 4.0  # L0 / L1: at true shares it takes one to four thousand requests.


class TrafficSplit:
    """One release: the `counts` of the arms (A,) since the test began, or began anew, and the smallest p.

    `begins` is the pane from which traffic is counted, None while that is not known.
    """

    def __init__(self, shares: Sequence[float]) -> None:
        """Start without traffic. ValueError unless there are two shares or more, each > 0, that add up to 1."""
        self.shares = np.array(shares, float)
        if not (len(self.shares) > 1 and (self.shares > 0).all() and abs(self.shares.sum() - 1) < 1e-9):
            raise ValueError(f"shares must be > 0 and add up to 1, got {shares!r}")
        self.counts = np.zeros(len(self.shares), np.int64)
        self.p_min = 1.0
        self.begins: int | None = None

    def step(self, counts: Ints) -> float:
        """Add the requests of the arms in one pane, (A,); return p of all requests that the test counts.

        >>> split = TrafficSplit((0.1, 0.9))
        >>> round(split.step(np.array([95, 905])), 3), split.unhealthy
        (1.0, False)
        >>> round(split.step(np.array([180, 820])), 7), split.unhealthy
        (6.9e-06, True)
        """
        if self.unhealthy and p_value(self.counts, self.shares) < UNHEALTHY_BELOW:
            self.counts = np.zeros_like(self.counts)
        self.counts = self.counts + counts
        p = p_value(self.counts, self.shares)
        again = self.unhealthy and log_odds(self.counts, self.shares) >= np.log(HEALTHY_AGAIN)
        self.p_min = p if again else min(self.p_min, p)
        return p

    @property
    def unhealthy(self) -> bool:
        """Whether p has been below UNHEALTHY_BELOW, and traffic has not come in the declared shares since."""
        return self.p_min < UNHEALTHY_BELOW


def p_value(counts: Ints, shares: Floats) -> float:
    """Return p for the requests of the arms, both (A,)."""
    return float(np.exp(min(log_odds(counts, shares), 0.0)))


def log_odds(counts: Ints, shares: Floats) -> float:
    """Return ln L0 - ln L1 for the requests of the arms, both (A,)."""
    prior = CONCENTRATION * shares
    log_l1 = special.gammaln(CONCENTRATION) - special.gammaln(CONCENTRATION + counts.sum())
    log_l1 += (special.gammaln(prior + counts) - special.gammaln(prior)).sum()
    log_l0 = (counts * np.log(shares)).sum()
    return float(log_l0 - log_l1)
