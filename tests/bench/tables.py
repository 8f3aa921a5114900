"""Tables of simulated cases: how often a run was called worse, and after how many minutes."""

import math
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np

from operators.arrays import Floats


class Named(Protocol):
    @property
    def name(self) -> str: ...


C = TypeVar("C", bound=Named)


def write_table(columns: Sequence[str], cases: Sequence[C], *ways: Callable[[C], Floats]) -> None:
    """Write a row for each case: for each way its share of runs that were called worse, and their median minute.

    `columns` are the titles; a way returns the minutes of each run, infinite where it was never called worse.
    """
    sys.stdout.write(f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n")
    for case in cases:
        cells = [case.name]
        for found in ways:
            minutes = found(case)
            median = float(np.median(minutes))
            cells += [f"{np.isfinite(minutes).mean():.0%}", f"{median:.0f}" if math.isfinite(median) else "-"]
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()
