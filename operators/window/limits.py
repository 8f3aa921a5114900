"""The limits on what is kept per model: versions, series and error types; what is past them is `__other__`.

Decided when a pane closes, from whole panes, by count and then by name, so that the choice depends on the
logs alone. What was let in stays until it has been silent for `SILENT_MS`, so that a series keeps its rows.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from operators.policy import Policy
from operators.window.partial import OTHER, Ints, Partial, Series, sum_by_key, used_series

Name = tuple[object, ...]  # A series, or (version,).
AnyName = TypeVar("AnyName", bound=Name)

SILENT_MS = 24 * 3_600_000  # A series without events for this long makes room for another.


class Admitted(msgspec.Struct, kw_only=True):
    """The names of one kind let in under each model: `last[model][name]` is the last pane that had it."""

    last: dict[str, dict[Name, int]] = {}

    def touch(self, model: str, names: Collection[AnyName], pane: int) -> list[AnyName]:
        """Note that these names had events in `pane`; return those that are not let in."""
        last = self.last.setdefault(model, {})
        unknown = [name for name in names if name not in last]
        last.update((name, pane) for name in names if name in last)
        return unknown

    def admit(self, model: str, counts: Mapping[Name, int], pane: int, room: int, silent: int) -> None:
        """Let in new names of `pane`, the most frequent first, while there are fewer than `room`.

        A name without events for more than `silent` panes makes room.
        """
        last = self.last[model]
        if len(last) + len(counts) > room:
            for name in [name for name, seen in last.items() if pane - seen > silent]:
                del last[name]
        for name in sorted(counts, key=lambda name: (-counts[name], name))[: max(room - len(last), 0)]:
            last[name] = pane


class Limits(msgspec.Struct, kw_only=True):
    """Who is let in, per model."""

    versions: Admitted = msgspec.field(default_factory=Admitted)
    series: Admitted = msgspec.field(default_factory=Admitted)

    def rename(self, parts: Sequence[Partial], pane: int, policy: Policy) -> dict[Series, Series]:
        """Return where the series of a closing pane that are past a limit are counted instead."""
        by_model: dict[str, list[Series]] = {}
        for name in dict.fromkeys(name for part in parts for name in used_series(part)):
            by_model.setdefault(name.model, []).append(name)
        renamed: dict[Series, Series] = {}
        for model, names in by_model.items():
            new_versions = self.versions.touch(model, {(name.version,) for name in names}, pane)
            new_series = self.series.touch(model, names, pane)
            # A version that was pushed out comes back with series that are known still.
            if new_versions or new_series:
                counts = _counts(parts, model)
                self._admit(model, counts, (new_versions, new_series), pane, policy)
                renamed |= {name: self._home(name) for name in names}
        return {name: home for name, home in renamed.items() if name != home}

    def _admit(
        self,
        model: str,
        counts: Mapping[Series, int],
        new: tuple[Sequence[Name], Sequence[Name]],
        pane: int,
        policy: Policy,
    ) -> None:
        silent = SILENT_MS // policy.pane_ms
        by_version: Counter[Name] = Counter()
        for name, count in counts.items():
            by_version[(name.version,)] += count
        new_versions = {name: by_version[name] for name in new[0]}
        self.versions.admit(model, new_versions, pane, policy.versions_max, silent)
        versions = self.versions.last[model]
        wanted = set(new[1])
        new_series: dict[Name, int] = {
            name: n for name, n in counts.items() if name in wanted and (name.version,) in versions
        }
        self.series.admit(model, new_series, pane, policy.series_max, silent)

    def _home(self, name: Series) -> Series:
        others = (OTHER,) * len(name.values)
        if (name.version,) not in self.versions.last[name.model]:
            return Series(name.model, OTHER, others)
        return name if name in self.series.last[name.model] else Series(name.model, name.version, others)


def _counts(parts: Iterable[Partial], model: str) -> Counter[Series]:
    counts: Counter[Series] = Counter()
    for part in parts:
        totals = np.bincount(part.which, weights=part.events, minlength=len(part.series))
        for name, total in zip(part.series, totals.tolist(), strict=True):
            if total and name.model == model:
                counts[name] += int(total)
    return counts


def limit_error_types(part: Partial, error_types_max: int) -> Partial:
    """Count the error types of a closed pane past the limit of their model under `__other__`, the rarest first.

    Success ("") is no error type: it is told apart, however rare.
    """
    names = list(dict.fromkeys([*part.error_types, OTHER]))
    if len(names) <= error_types_max:
        return part
    rows, codes, counts = part.outcomes.T
    models = {model: index for index, model in enumerate(dict.fromkeys(name.model for name in part.series))}
    owners = np.array([models[name.model] for name in part.series], np.int64)[part.which[rows]]
    kinds = owners * len(names) + codes
    past = np.isin(kinds, _past(*sum_by_key(kinds, counts), names, error_types_max))
    keys = rows * len(names) + np.where(past, names.index(OTHER), codes)
    keys, counts = sum_by_key(keys, counts)
    outcomes = np.column_stack((keys // len(names), keys % len(names), counts))
    return msgspec.structs.replace(part, error_types=names, outcomes=outcomes)


def _past(kinds: Ints, totals: Ints, names: Sequence[str], room: int) -> list[int]:
    """Return the kinds (owner * names + code) past the `room` of their owner."""
    ranked = zip((-totals).tolist(), [names[kind % len(names)] for kind in kinds.tolist()], kinds.tolist(), strict=True)
    taken: Counter[int] = Counter()
    past = []
    for _, name, kind in sorted(ranked):
        taken[kind // len(names)] += name != ""
        if name != "" and taken[kind // len(names)] > room:
            past.append(kind)
    return past
