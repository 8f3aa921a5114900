"""The limits on models per shard, and on versions, series and error types per model; the rest is `__other__`.

The choice is made when a pane closes, from whole panes, so that it depends on the logs alone; `admitted.py` decides
which names keep or get a place. What is past the limits is still counted, and reported in an alert
(`operators/release/overflow.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.window.admitted import Admitted, Name, Places
from operators.window.folded import Folded, Kind, rest_of
from operators.window.leaf_index import LeafSeries
from operators.window.pane_lengths import PaneLengths
from operators.window.partial import OTHER, UNSLICED, Partial
from operators.window.shards import models_room
from operators.window.sums import sum_by_key
from operators.window.waiting_commands import Due
from operators.window.widening import dimension_places, placed
from operators.wire.commands import Override, Release

SHARD = ""  # The owner of models.
DECLARED_MIN = 2  # A candidate and its baseline.


class Limits(msgspec.Struct, kw_only=True):
    """The names that have a place. `declared` are, by model, the versions that commands named; the newest come last."""

    versions: Admitted = msgspec.field(default_factory=Admitted)
    series: Admitted = msgspec.field(default_factory=Admitted)
    models: Admitted = msgspec.field(default_factory=Admitted)
    declared: dict[str, list[str]] = {}

    def declare(self, due: Iterable[Due], policy: Policy) -> None:
        """Note the versions that releases and overrides name: they have a place, up to half of all places."""
        for each in due:
            if isinstance(each, Release):
                self._declare(each.model, (each.candidate, each.baseline), policy)
            elif isinstance(each, Override) and not each.revoked:
                self._declare(each.model, (each.version,), policy)

    def _declare(self, model: str, versions: Sequence[str], policy: Policy) -> None:
        known = [name for name in self.declared.pop(model, []) if name not in versions]
        self.declared[model] = [*known, *versions][-max(DECLARED_MIN, policy.versions_max // 2) :]
        if len(self.declared) > max(1, models_room(policy.models_max, policy.spread) // 2):
            del self.declared[next(iter(self.declared))]

    def renumber(self, lengths: PaneLengths) -> None:
        """Change to the pane numbers of another pane length."""
        for each in (self.versions, self.series, self.models):
            each.last = {
                owner: {name: lengths.pane(pane) for name, pane in names.items()} for owner, names in each.last.items()
            }

    def reslice(self, before: Sequence[str], now: Sequence[str]) -> None:
        """Change from series by some dimensions to series by others: series that become one share a place."""
        if tuple(before) == tuple(now):
            return
        places = dimension_places(before, now)
        for kept, together in ((self.series.last, max), (self.series.weights, sum), (self.series.waiting, sum)):
            for owner, names in kept.items():
                found: dict[Name, list[int]] = {}
                for name, each in names.items():
                    series = placed(LeafSeries(*cast(LeafSeries, name)), places)
                    found.setdefault(series, []).append(each)
                kept[owner] = {name: together(some) for name, some in found.items()}
        for owner, last in self.series.last.items():  # A series with a place does not wait for one.
            waiting = self.series.waiting.get(owner, {})
            for name in [name for name in waiting if name in last]:
                weights = self.series.weights.setdefault(owner, {})
                weights[name] = weights.get(name, 0) + waiting.pop(name)
        self.slice_by(len(now))

    def slice_by(self, dimensions: int) -> None:
        """Change to series of this many `dimensions`: series of fewer give up their places, to be told apart anew."""
        for places in (self.series.last, self.series.weights, self.series.waiting):
            for owner, names in places.items():
                places[owner] = {name: each for name, each in names.items() if _is_sliced(name, dimensions)}

    def note(self, counted: Iterable[tuple[LeafSeries, int, int]], halving: int) -> None:
        """Take the events of series that have places, and the last pane with events of each.

        `halving` is the number of the halving that all of them belong to.
        """
        for name, events, last in counted:
            self.series.note(name.model, name, (events, last), halving)
            self.versions.note(name.model, (name.version,), (events, last), halving)
            self.models.note(SHARD, (name.model,), (events, last), halving)

    def place(self, counts: Mapping[LeafSeries, int], pane: int, policy: Policy) -> bool:
        """Take the events of some series of a closing pane, if there is room for all of them; return whether there is.

        If there is, these series and the others that came in do not affect each other.
        """
        by_model = _by_model(counts)
        if not self._has_room(by_model, policy):
            return False
        self._admit_models({(model,): sum(some.values()) for model, some in by_model.items()}, pane, policy)
        for model in sorted(by_model):
            self._admit(model, by_model[model], pane, policy)
        return True

    def _has_room(self, by_model: Mapping[str, Mapping[LeafSeries, int]], policy: Policy) -> bool:
        models = [(model,) for model in by_model]
        return self.models.has_room(SHARD, models, models_room(policy.models_max, policy.shards)) and all(
            self.series.has_room(model, names, policy.series_max)
            and self.versions.has_room(model, {(name.version,) for name in names}, policy.versions_max)
            for model, names in by_model.items()
        )

    def fold(
        self, whole: Partial, shard: int, pane: int, policy: Policy
    ) -> tuple[dict[LeafSeries, LeafSeries], list[Folded], bool]:
        """Return where series of a closing pane past a limit are counted instead, and what that comes to.

        Also return whether a name lost its place. `whole` has all that came in under the pane.
        """
        by_model = _by_model(_counts(whole))
        lost = self._admit_models({(model,): sum(counts.values()) for model, counts in by_model.items()}, pane, policy)
        homes: dict[LeafSeries, LeafSeries] = {}
        folded: list[Folded] = []
        past = {model: counts for model, counts in by_model.items() if not self.models.has(SHARD, (model,))}
        if past:
            rest, others = rest_of(shard)
            events = sum(sum(counts.values()) for counts in past.values())
            folded.append(Folded(kind="models", model=rest, names=len(past), events=events))
            home = (OTHER, others)
            homes |= {
                name: LeafSeries(*home, (OTHER,) * len(name.values)) for counts in past.values() for name in counts
            }
        for model in sorted(by_model.keys() - past.keys()):
            counts = by_model[model]
            lost |= self._admit(model, counts, pane, policy)
            without = self._without_place(model, counts)
            moved = {name: new for name in without if (new := self._home(name)) != name}
            homes |= moved
            folded += _folded(model, counts, moved)
        return homes, folded, lost

    def _admit_models(self, counts: dict[Name, int], pane: int, policy: Policy) -> bool:
        at = Places(pane=pane, pane_ms=policy.pane_ms, places=models_room(policy.models_max, policy.spread))
        gone = self.models.admit(SHARD, counts, at, {(name,) for name in self.declared})
        for (model,) in gone:
            self.versions.forget(str(model))
            self.series.forget(str(model))
        return bool(gone)

    def _admit(self, model: str, counts: dict[LeafSeries, int], pane: int, policy: Policy) -> bool:
        """Give places to the names of a model; return whether a name lost its own."""
        at = Places(pane=pane, pane_ms=policy.pane_ms, places=policy.versions_max)
        by_version: Counter[Name] = Counter()
        for name, count in counts.items():
            by_version[(name.version,)] += count
        declared = {(version,) for version in self.declared.get(model, ())}
        gone = self.versions.admit(model, by_version, at, declared)
        if gone:
            series = self.series.last.get(model, {})
            self.series.remove(model, [name for name in series if (name[1],) in gone])
        versions = self.versions.last[model]
        apart: dict[Name, int] = {name: count for name, count in counts.items() if (name.version,) in versions}
        return bool(self.series.admit(model, apart, msgspec.structs.replace(at, places=policy.series_max)) or gone)

    def _without_place(self, model: str, names: Iterable[LeafSeries]) -> list[LeafSeries]:
        versions = {version for (version,) in self.versions.last.get(model, ())}
        series = self.series.last.get(model, {})
        return [name for name in names if name not in series or name.version not in versions]

    def _home(self, name: LeafSeries) -> LeafSeries:
        others = (OTHER,) * len(name.values)
        if not self.versions.has(name.model, (name.version,)):
            return LeafSeries(name.model, OTHER, others)
        return name if self.series.has(name.model, name) else LeafSeries(name.model, name.version, others)


def _is_sliced(name: Name, dimensions: int) -> bool:
    values = LeafSeries(*cast(LeafSeries, name)).values
    return len(values) == dimensions and UNSLICED not in values


def _folded(model: str, counts: dict[LeafSeries, int], moved: dict[LeafSeries, LeafSeries]) -> Iterable[Folded]:
    """Yield how many versions of a model are folded into one, and how many series of versions that are not."""
    kinds: tuple[Kind, ...] = ("versions", "series")
    for kind in kinds:
        names = [name for name, home in moved.items() if (home.version == OTHER) == (kind == "versions")]
        if names:
            distinct = {name.version for name in names} if kind == "versions" else set(names)
            yield Folded(kind=kind, model=model, names=len(distinct), events=sum(counts[name] for name in names))


def _by_model(counts: Mapping[LeafSeries, int]) -> dict[str, dict[LeafSeries, int]]:
    by_model: dict[str, dict[LeafSeries, int]] = {}
    for name, count in counts.items():
        by_model.setdefault(name.model, {})[name] = count
    return by_model


def _counts(part: Partial) -> dict[LeafSeries, int]:
    """Return the events of each series that has any."""
    totals = np.bincount(part.which, weights=part.events, minlength=len(part.series)).tolist()
    return {name: int(total) for name, total in zip(part.series, totals, strict=True) if total}


def limit_error_types(part: Partial, error_types_max: int) -> Partial:
    """Count the error types of a closed pane past the limit of their model under `__other__`, the rarest first.

    Success ("") is no error type: it is always told apart, however rare.
    """
    if len(part.error_types) < error_types_max:
        return part
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


def first_past(whole: Partial, late: int) -> int:
    """Return the first row of models past the limit among those before row `late`: it is the last of them, if any."""
    return late - 1 if late and whole.series[whole.which[late - 1]].model == OTHER else late
