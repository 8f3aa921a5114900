"""The slice and the version of each finest series, found once and not in every pane."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries
from operators.window.series_index import SliceSeries, described

Version = tuple[str, str]  # A model, and one of its versions.


class SlicedLeaves:
    """By number of a series: its slice by these dimensions in `names`, its place in `versions` in `version_of`.

    These lists only grow; after a renumbering they are new objects, so a caller may hold on to the old ones.
    """

    names: list[SliceSeries]
    versions: list[Version]
    version_of: Ints

    def __init__(self, dimensions: tuple[str, ...]) -> None:
        self.dimensions = dimensions
        self._follow(LeafIndex())

    def numbers(self, series: Sequence[LeafSeries]) -> Ints:
        """Return the numbers of series, (len,).

        >>> sliced = SlicedLeaves(("region",))
        >>> sliced.numbers([LeafSeries("m", "v1", ("eu",)), LeafSeries("m", "v1", ("us",))]).tolist()
        [0, 1]
        >>> sliced.names[1].text, sliced.versions, sliced.version_of.tolist()
        ('region=us', [('m', 'v1')], [0, 0])
        """
        numbered = series if isinstance(series, NumberedSeries) else self._leaves.numbered(series)
        if numbered.leaves is not self._leaves:
            self._follow(numbered.leaves)
        if len(self.names) < len(self._leaves):
            new = self._leaves.names[len(self.names) :]
            self.names += [SliceSeries(*each[:2], *described(self.dimensions, each.values)) for each in new]
            versions = [self._version_number.setdefault(each[:2], len(self._version_number)) for each in new]
            self.version_of = np.concatenate((self.version_of, np.array(versions, np.int64)))
            self.versions = list(self._version_number)
        return numbered.rows

    def _follow(self, leaves: LeafIndex) -> None:
        """Change to another numbering."""
        self._leaves = leaves
        self._version_number: dict[Version, int] = {}
        self.names = []
        self.versions = []
        self.version_of = np.zeros(0, np.int64)
