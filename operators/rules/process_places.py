"""Which e-processes of a canary rule a comparison of a stratum belongs to, looked up once for each stratum and SLI."""

from collections.abc import Mapping

import numpy as np

from operators.arrays import Ints
from operators.rules.comparison import Comparison
from operators.rules.pooled_strata import PooledStrata
from operators.rules.process_index import ProcessIndex
from operators.stats.multiple_testing import Bools
from operators.stats.spending import Spending

UNKNOWN, NONE = -1, -2


class ProcessPlaces:
    """The numbers of the processes of strata and SLIs: UNKNOWN until looked up, NONE behind the last."""

    def __init__(self, pooled: PooledStrata, placed: ProcessIndex, grains: int, columns: int) -> None:
        self.pooled, self.placed = pooled, placed
        self._numbers: Ints = np.full((len(pooled.release), columns, max(grains, 1)), UNKNOWN)
        self._spends = np.zeros(len(pooled.releases), bool)

    def fits(self, pooled: PooledStrata, placed: ProcessIndex) -> bool:
        """Whether these are the places of such strata and processes."""
        return self.pooled is pooled and self.placed is placed

    def spends(self, spent: Mapping[Comparison, Spending]) -> Bools:
        """Return which releases have shares of alpha, (R,)."""
        for number in np.flatnonzero(~self._spends).tolist():
            self._spends[number] = self.pooled.releases[number] in spent
        return self._spends

    def known(self, stratum: Ints, sli: Ints, spent: Mapping[Comparison, Spending]) -> Bools:
        """Return the releases (R,) of which every comparison has processes, and its SLI a share of alpha."""
        new = np.flatnonzero(self._numbers[stratum, sli, 0] == UNKNOWN).tolist()
        known = np.ones(len(self.pooled.releases), bool)
        for at in new:
            if not self._look_up(int(stratum[at]), int(sli[at]), spent):
                known[self.pooled.release[stratum[at]]] = False
        return known

    def processes(self, stratum: Ints, sli: Ints) -> tuple[Ints, Ints]:
        """Return the processes of comparisons one by one, and before them the index of the comparison of each."""
        numbers = self._numbers[stratum, sli]
        comparison, grain = np.nonzero(numbers >= 0)
        return comparison, numbers[comparison, grain]

    def _look_up(self, stratum: int, sli: int, spent: Mapping[Comparison, Spending]) -> bool:
        number = int(self.pooled.release[stratum])
        release = self.pooled.releases[number]
        mine = self.placed.numbers.get((release, self.pooled.names[stratum].text, sli))
        if mine is None or sli not in spent[release].shares:
            return False
        self._numbers[stratum, sli] = [*mine, *[NONE] * (self._numbers.shape[2] - len(mine))]
        return True
