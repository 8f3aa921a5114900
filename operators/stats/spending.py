"""Which part of alpha each column of a rule (an SLI, or a limit of a measure) gets: without data it costs nothing.

Shares are given when columns first have something to compare, once for all, from what is left: columns that come at the
same time get the same share, and for each that is still to come a quarter of it is kept back. The shares add up to at
most one, and depend on how much came in, not on its outcomes, so the chance of ever being wrong about any column is
<= alpha, as with equal shares. Two of six columns with data have 1/3 each instead of 1/6.
"""

from collections.abc import Iterable

import msgspec

LATER = 0.25  # What is kept back for a column without data, as a part of the share of one with data.


class Spending(msgspec.Struct, kw_only=True):
    """One release: `shares` by number of the column, out of `columns`."""

    columns: int
    shares: dict[int, float] = {}

    def take(self, columns: Iterable[int]) -> None:
        """Give shares to those columns that have none.

        >>> spending = Spending(columns=6)
        >>> spending.take([0, 1])
        >>> spending.shares[0] + spending.shares[1], spending.shares[0] == spending.shares[1]
        (0.6666666666666666, True)
        >>> spending.take([0, 2, 3, 4, 5])
        >>> round(sum(spending.shares.values()), 9), round(spending.shares[5], 4)
        (1.0, 0.0833)
        """
        new = sorted(set(columns) - self.shares.keys())
        if new:
            self.shares |= dict.fromkeys(new, self._next(len(new)))

    def share(self, column: int) -> float:
        """Return the share of a column; for one without a share, what it would get if it came now."""
        return self.shares[column] if column in self.shares else self._next(1)

    def _next(self, new: int) -> float:
        later = self.columns - len(self.shares) - new
        return (1.0 - sum(self.shares.values())) / (new + LATER * later)
