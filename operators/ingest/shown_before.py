"""What a partition has shown of each pane already: a request that says no more than earlier ones is not looked at.

Of each pane, model and version the first requests that an SLI calls bad are kept, and the first that says what it is
made of (`operators/window/samples.py`), so what comes later in the log and in time is none of them. Nothing is saved:
what is shown again falls together.
"""

from bisect import insort
from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.window.samples import FAILING_MAX, LINEAGE

PANES_MAX = 8  # Of late requests none are shown, so few panes are open at once.
KEPT_MAX = 1 << 14  # Versions that are remembered of a pane and SLI: of further ones requests are looked at needlessly.


class ShownBefore:
    """The times of the first requests shown by pane, and in it by SLI, then model and version, of the newest panes."""

    def __init__(self) -> None:
        self._times: dict[int, dict[int, dict[tuple[str, str], list[int]]]] = {}

    def first(self, sli: int, rows: Ints, panes: Ints, times: Ints, names: Sequence[tuple[Ints, list[str]]]) -> Ints:
        """Return those of the `rows` that are not behind all that was shown of an SLI before, and remember them.

        `sli` may be LINEAGE. `panes`, `times` and the numbers of `names` are of all items; models and versions are
        named by their numbers.
        """
        models, versions = (map(named.__getitem__, numbers[rows].tolist()) for numbers, named in names)
        whose = zip(
            rows.tolist(), panes[rows].tolist(), times[rows].tolist(), zip(models, versions, strict=True), strict=True
        )
        most, at, known = 1 if sli == LINEAGE else FAILING_MAX, None, {}
        found = []
        for row, pane, time, name in whose:
            if pane != at:
                at, known = pane, self._times.setdefault(pane, {}).setdefault(sli, {})
            first = known.get(name)
            if first is None:
                if len(known) < KEPT_MAX:
                    known[name] = [time]
            elif len(first) == most and time > first[-1]:
                continue
            elif time not in first:
                insort(first, time)
                del first[most:]
            found.append(row)
        for pane in sorted(self._times)[:-PANES_MAX]:
            del self._times[pane]
        return np.array(found, np.int64)
