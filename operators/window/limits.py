"""The limits on what is kept per model: versions, series and error types; what is past them is `__other__`.

Decided when a pane closes, from whole panes, by count and then by name, so that the choice depends on the
logs alone. What was let in stays until it has been silent for `SILENT_MS`, so that a series keeps its rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from operators.policy import Policy
from operators.window.partial import OTHER, Partial, Series, sum_by_key

SILENT_MS = 24 * 3_600_000  # A series without events for this long makes room for another.


class Admission(msgspec.Struct, kw_only=True):
    """The names let in, of one kind under one owner: name -> number of the last pane that had it."""

    last: dict[tuple[str, ...], int] = {}

    def admit(self, counts: Mapping[tuple[str, ...], int], pane: int, room: int, silent: int) -> None:
        """Let in the new names of `pane`, the most frequent first, while there is room for them.

        `room` is the limit, `silent` [panes] how long a name stays without events.
        """
        new = [name for name in counts if name not in self.last]
        self.last.update((name, pane) for name in counts if name in self.last)
        if new and len(self.last) + len(new) > room:
            for name in [name for name, seen in self.last.items() if pane - seen > silent]:
                del self.last[name]
        for name in sorted(new, key=lambda name: (-counts[name], name)):
            if len(self.last) >= room:
                break
            self.last[name] = pane


class Limits(msgspec.Struct, kw_only=True):
    """Who is let in, per model."""

    versions: dict[str, Admission] = {}
    series: dict[str, Admission] = {}

    def rename(self, parts: Iterable[Partial], pane: int, policy: Policy) -> dict[Series, Series]:
        """Return where the series of a closing pane that are past a limit are counted instead."""
        counts: Counter[Series] = Counter()
        for part in parts:
            totals = np.bincount(part.which, weights=part.events, minlength=len(part.series))
            for name, total in zip(part.series, totals.tolist(), strict=True):
                counts[name] += int(total)
        renamed: dict[Series, Series] = {}
        for model in dict.fromkeys(name.model for name in counts):
            own = {name: n for name, n in counts.items() if name.model == model and n > 0}
            renamed |= self._rename_model(model, own, pane, policy)
        return renamed

    def _rename_model(
        self, model: str, counts: Mapping[Series, int], pane: int, policy: Policy
    ) -> dict[Series, Series]:
        silent = SILENT_MS // policy.pane_ms
        others = (OTHER,) * len(policy.dimensions)
        by_version: Counter[tuple[str, ...]] = Counter()
        for name, count in counts.items():
            by_version[(name.version,)] += count
        versions = self.versions.setdefault(model, Admission())
        versions.admit(by_version, pane, policy.versions_max, silent)
        known = {name: n for name, n in counts.items() if (name.version,) in versions.last}
        series = self.series.setdefault(model, Admission())
        series.admit({(name.version, *name.values): n for name, n in known.items()}, pane, policy.series_max, silent)
        renamed = {name: Series(model, OTHER, others) for name in counts if name not in known}
        for name in known:
            if (name.version, *name.values) not in series.last:
                renamed[name] = Series(model, name.version, others)
        return renamed


def limit_error_types(part: Partial, error_types_max: int) -> Partial:
    """Count the error types of a closed pane past the limit under `__other__`, the rarest first."""
    if len(part.error_types) <= error_types_max:
        return part
    totals = np.bincount(part.outcomes[:, 1], weights=part.outcomes[:, 2], minlength=len(part.error_types))
    by_count = sorted(range(len(totals)), key=lambda code: (-totals[code], part.error_types[code]))
    kept = by_count[:error_types_max]
    new = np.full(len(totals), len(kept))
    new[kept] = np.arange(len(kept))
    width = len(kept) + 1
    keys = part.outcomes[:, 0] * width + new[part.outcomes[:, 1]]
    keys, counts = sum_by_key(keys, part.outcomes[:, 2])
    return msgspec.structs.replace(
        part,
        error_types=[*(part.error_types[code] for code in kept), OTHER],
        outcomes=np.column_stack((keys // width, keys % width, counts)),
    )
