"""The names that items are counted under, as numbers: models, versions and dimension values, each in its own index."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.known_series import KnownSeries
from operators.ingest.numbering import Numbering
from operators.policy.policy import Policy
from operators.window.leaf_index import LeafSeries
from operators.window.sums import number_keys
from operators.wire.events import Event, Feedback
from operators.wire.mirrored import Mirrors, is_mirrored, mirrored

VERSION = 1  # The place of the version among the parts.


class Parts:
    """The indices of one batch. Several small ones stay in the processor's caches; one of whole series would not.

    `known` are the series of earlier batches, if any.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.indices = [Numbering() for _ in range(2 + len(policy.dimensions))]
        self._mirrors = Mirrors(policy.releases.mirrored)
        self.known = KnownSeries()

    def names(self, part: int) -> list[str]:
        """Return the names that the numbers of a part stand for."""
        return list(self.indices[part])

    def of(self, items: Sequence[Event] | Sequence[Feedback]) -> list[Ints]:
        """Number the model, version and dimension values of each item, each part in its own index."""
        return [
            np.fromiter(map(index.__getitem__, part), np.int64, len(part))
            for index, part in zip(self.indices, self.texts(items), strict=True)
        ]

    def texts(self, items: Sequence[Event] | Sequence[Feedback]) -> list[list[str]]:
        """Return the model, version and dimension values that each item is counted under, part by part."""
        slices: list[dict[str, str]] = [item.slices or {} for item in items]
        return [
            [item.model or "" for item in items],
            self._versions(items),
            *(_values(slices, name) for name in self._policy.dimensions),
        ]

    def counted(self, part: int, text: str) -> str:
        """Return the name that an item, not a copy of a request, with this text as that part is counted under."""
        return self._mirrors[text] if part == VERSION and self._policy.releases.mirrored else text

    def series(self, parts: Sequence[Ints]) -> tuple[Sequence[LeafSeries], Ints]:
        """Return the series that occur, and the number of each item's series among them."""
        if not parts:
            return [], np.zeros(0, np.int64)
        keys = np.zeros(len(parts[0]), np.int64)
        for index, part in zip(self.indices, parts, strict=True):
            keys = keys * len(index) + part
        distinct, series = number_keys(keys)
        codes = []
        for index in reversed(self.indices):
            distinct, code = np.divmod(distinct, max(len(index), 1))
            codes.append(code)
        return self.known.of(self.indices, codes[::-1]), series

    def _versions(self, items: Sequence[Event] | Sequence[Feedback]) -> list[str]:
        """Return the version that each item is counted under; copies of requests are counted apart."""
        versions = [item.version or "" for item in items]
        if self._policy.releases.mirrored:
            versions = [self._mirrors[version] for version in versions]
        copies = [item.mirrored for item in items]
        if any(copies):
            for index, copy in enumerate(copies):
                if copy and versions[index] and not is_mirrored(versions[index]):
                    versions[index] = mirrored(versions[index])
        return versions


def _values(slices: Sequence[dict[str, str]], name: str) -> list[str]:
    try:
        return [known[name] for known in slices]  # Three times as fast as `get`.
    except KeyError:
        return [known.get(name, "") for known in slices]
