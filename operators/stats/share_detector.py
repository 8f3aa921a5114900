"""Has a share of some events moved beyond a tolerated change, and stayed there? E-detectors on counts by bin.

For a share of u in the profile and a tolerance t, the null is a share of at most u + t (and, on the other side, at
least u - t) in every block of events, however it moves within that. With u0 = u + t and an alternative u1 beyond it,

    ln e = min((x ln(u1 / u0) + (n - x) ln((1 - u1) / (1 - u0))) / d, CAP),        M_k = e_k max(M_{k-1}, 1)

for a block with x of n events is an e-variable, and M an e-detector: it reaches 1 / alpha after 1 / alpha blocks or
later on average, so at most that often per block, however long it is looked at (J. Shin, A. Ramdas, A. Rinaldo (2022),
"E-detectors", arXiv 2203.03532); so does the mean of several. It forgets quiet times: a change is found as soon after a
year as after a day. `d` is the design effect: n events of users with d each are worth n / d. No block counts for more
than CAP, so a change has to stay for several.

The profile is an estimate, so u0 is at least an exact bound at four standard errors (C. Clopper, E. Pearson, 1934;
`drift/field_shares.py`), which is within one point of the estimate from 40,000 rows on.
"""

import msgspec
import numpy as np
from scipy import special

from operators.arrays import Floats, Ints
from operators.stats.divergence import Counts

UP, DOWN = 0, 1
STEPS = (0.1, 0.3, 0.9)  # The alternatives beyond the null, in normal deviates.
CAP = 4.0


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """The C shares of a field that are watched: `hits` and `of` (B, C) say which bins each counts, out of which.

    `gains` and `losses` (C, 2, STEPS) are what an event adds to ln e, by side, if it is a hit or not; `open` (C, 2)
    says whether there is room on that side. `names` say what each share is of.
    """

    hits: Ints
    of: Ints
    gains: Floats
    losses: Floats
    open: Floats
    names: tuple[str, ...]

    def counted(self, counts: Counts) -> tuple[Counts, Counts]:
        """Return x and n of each share, (K, C), from counts of bins (K, B)."""
        return counts @ self.hits, counts @ self.of

    def log_e(self, counts: Ints, designs: Floats) -> Floats:
        """Return ln e of a block of each of K series, (K, C, 2, STEPS); `designs` (K,)."""
        x, n = (each[:, :, None, None] for each in self.counted(counts))
        return np.asarray(np.minimum((x * self.gains + (n - x) * self.losses) / designs[:, None, None, None], CAP))

    def evidence(self, log_m: Floats) -> Floats:
        """Return the ln of the mean of M over all shares, sides and alternatives, (K,); -infinity without any room."""
        if not self.open.any():
            return np.full(len(log_m), -np.inf)
        terms = np.where(self.open[:, :, None] > 0, log_m, -np.inf).reshape(len(log_m), -1)
        return np.asarray(special.logsumexp(terms, axis=1) - np.log(self.open.sum() * len(STEPS)))
