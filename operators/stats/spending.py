"""Which part of alpha each column of a rule gets, an SLI or a limit of a measure: what has no data costs nothing.

Shares are given when columns first have something to compare, once for all, from what nobody has yet: the columns that
come at the same time get the same, and each that is still to come is kept a quarter of that. They add up to one at
most, and depend on how much came in and not on what came of it, so the chance of ever being wrong about any column is
<= alpha, as with equal shares. Two of six columns with data have 1/3 each instead of 1/6.
"""

from collections.abc import Iterable

import msgspec

LATER = 0.25  # What is kept for a column that has no data yet, of the share of one that has.


class Spending(msgspec.Struct, kw_only=True):
    """Of one release: `shares` by number of the column, of so many `columns`."""

    columns: int
    shares: dict[int, float] = {}

    def take(self, columns: Iterable[int]) -> None:
        """Give shares to those of these columns that have none.

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
        """Return the share of a column; of one that has none yet, what it would get if it came now."""
        return self.shares[column] if column in self.shares else self._next(1)

    def _next(self, new: int) -> float:
        later = self.columns - len(self.shares) - new
        return (1.0 - sum(self.shares.values())) / (new + LATER * later)
