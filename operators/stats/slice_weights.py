"""What each slice of a release weighs where many are judged together, though nobody knows how many there will be.

With weights that add up to at most 1, the sum of w E of e-processes is one (weight that no slice has counts as E = 1),
and rejecting by w E keeps its promise (`multiple_testing`). A mean over the slices there are so far does not: a new one
begins at 1, and lifts a mean that had fallen. So a slice has its weight for good. Those that come first share `FIRST`
equally; the rest is for later ones: with F first, the slices from the k-th to the n-th share

    (1 - FIRST) F (1 / (k - 1) - 1 / n),

all of which together never pass 1 - FIRST, and each has little less than the first ones while they are not many more.
First are all that have come by the time when anything can be rejected at all. Which slices there are, and when, depends
on traffic alone, not on what came of it, so weights may follow from it.
"""

from collections.abc import Sequence

import msgspec

FIRST = 0.8


class SliceWeights(msgspec.Struct, kw_only=True):
    """Of one release and SLI: the weight `of` each slice, `first` of which came first."""

    first: int = 0
    of: dict[str, float] = {}

    def take(self, slices: Sequence[str]) -> None:
        """Give those of the slices that have none yet their weights.

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
