"""What a partition has shown of each pane already: a request that says no more than an earlier one is not looked at.

Of each pane, model and version the first request that says what it is made of is kept (`operators/window/samples.py`),
so what comes later in the log and in time is none of them. Nothing is saved: what is shown again falls together.
"""

from collections.abc import Sequence

from operators.arrays import Ints

PANES_MAX = 8  # Of late requests none are shown, so few panes are open at once.


class ShownBefore:
    """The time of the first request shown by pane, and in it by model and version, of the newest panes."""

    def __init__(self) -> None:
        self._times: dict[int, dict[tuple[str, str], int]] = {}

    def first(self, rows: Ints, panes: Ints, times: Ints, names: Sequence[tuple[Ints, list[str]]]) -> list[int]:
        """Return those of the `rows` that are no later than what was shown before, and remember them.

        `panes`, `times` and the numbers of `names` are of all items; models and versions are named by their numbers.
        """
        (models, model_of), (versions, version_of) = names
        found = []
        columns = (column[rows].tolist() for column in (panes, times, models, versions))
        for row, pane, time, model, version in zip(rows.tolist(), *columns, strict=True):
            known = self._times.setdefault(pane, {})
            name = model_of[model], version_of[version]
            if time <= known.get(name, time):
                known[name] = time
                found.append(row)
        for pane in sorted(self._times)[:-PANES_MAX]:
            del self._times[pane]
        return found
