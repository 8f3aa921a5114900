"""The weight of each slice of a release where many are judged together, though their number is not known beforehand.

With weights that add up to at most 1, the sum of w E of e-processes is an e-process (weight that no slice has counts as
E = 1), and rejecting by w E keeps its promise (`multiple_testing`). A mean over the slices so far does not: a new slice
begins at 1, and lifts a mean that had fallen. So a slice has its weight for good. The first slices share `FIRST`
equally; the rest is for later ones: with F first slices, those from the k-th to the n-th share

    (1 - FIRST) F (1 / (k - 1) - 1 / n),

all of which together never exceed 1 - FIRST, and each has little less than the first ones while they are not many more.
The first are all that have come by the time when anything can be rejected at all. Which slices there are, and when,
depends on traffic alone, not on its outcomes, so weights may follow from it.
"""

from collections.abc import Sequence

import msgspec

FIRST = 0.8


class SliceWeights(msgspec.Struct, kw_only=True):
    """One release and SLI: the weight `of` each slice; `first` is how many came first."""

    first: int = 0
    of: dict[str, float] = {}

    def take(self, slices: Sequence[str]) -> None:
        """Give weights to those slices that have none yet.

        >>> weights = SliceWeights()
        >>> weights.take(["a", "b", "c", "d"])
        >>> weights.take(["a", "e"])
        >>> weights.of
        {'a': 0.2, 'b': 0.2, 'c': 0.2, 'd': 0.2, 'e': 0.04}
        """
        new, known = [each for each in slices if each not in self.of], len(self.of)
        if not new:
            return
        if not known:
            self.first = len(new)
        share = FIRST if not known else (1 - FIRST) * self.first * (1 / known - 1 / (known + len(new)))
        self.of |= dict.fromkeys(new, round(share / len(new), 15))
