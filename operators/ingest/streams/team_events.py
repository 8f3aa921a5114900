"""Events where several policies share a worker: read once for all, each counted only by the policy of its model.

How an event counts depends on no policy but its own: files that count alike are added up in one go (`ingest/alike.py`),
and a shard gets the rows of each separately.
"""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.again import Items, some_of
from operators.ingest.alike import Alike, alike, column_of, reading
from operators.ingest.chains import chained_slis
from operators.ingest.event_times import EventTimes, joined_times
from operators.ingest.formats.format import EventScan, ItemDecoder
from operators.ingest.formats.origin import Origin
from operators.ingest.messages import Messages
from operators.ingest.numbering import Numbering
from operators.ingest.parts import VERSION
from operators.ingest.placing import Reasons
from operators.ingest.read_events import NONE, ReadEvents, ScannedReads, joined_reads
from operators.ingest.shown_before import ShownBefore
from operators.ingest.slis.by_team import TEAM
from operators.ingest.streams.events import EventItems
from operators.ingest.streams.stream import PlacedItems
from operators.ingest.streams.team_versions import TeamVersions
from operators.policy.claims import NOBODY, Claims
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.window.partial import Partial
from operators.window.shards import home_of
from operators.window.waiting_commands import Coming
from operators.wire.events import Event, Feedback
from operators.wire.mirrored import Mirrors


class TeamReading:
    """How the events of several policies are read and counted: the same for all batches of a partition."""

    def __init__(self, policy: Policy, claims: Claims) -> None:
        self.claims, self.teams, self.policy, self.groups = claims, policy, reading(policy), alike(policy)
        self.versions = TeamVersions(policy, claims)
        self.of_slis = {
            column_of(number, name): read
            for number, group in enumerate(self.groups)
            for name, read in group.of_slis.items()
        }
        self.watches = any(EventItems(group.policy, Pseudonyms()).needs_items for group in self.groups)
        self.shown = [ShownBefore() for _ in self.groups]
        self.group_of = np.full(len(policy.teams) + 1, NOBODY)  # By policy number; the last is for NOBODY.
        for number, group in enumerate(self.groups):
            self.group_of[list(group.teams)] = number


class TeamEvents:
    """The events of one batch; `unclaimed` counts, by model, those that no policy takes."""

    feedback: Sequence[Feedback] = ()

    def __init__(self, how: TeamReading, pseudonyms: Pseudonyms, scan: EventScan | None) -> None:
        self._how, self._pseudonyms = how, pseudonyms
        self._whole = EventItems(how.policy, pseudonyms, scan)
        self._whole.builder.reader.of_slis, self._whole.versions = how.of_slis, how.versions
        self.unclaimed: Counter[str] = Counter()
        self._reads: list[ReadEvents] = []
        self._items: list[Items] = []
        self._times: list[EventTimes] = []
        self._origin: Origin | None = None

    @property
    def unusable(self) -> Counter[str]:
        return self._whole.unusable

    @property
    def needs_items(self) -> bool:
        return self._how.watches

    def read(self, items: Sequence[Event]) -> Sequence[Event]:
        return self._whole.read(items)

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        return self._whole.scan(messages, decoder)

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        return self._whole.faults(items, index, origin, known)

    def ids(self) -> Ints | None:
        return self._whole.ids()

    def criteria(self) -> Ints | None:
        """Return None: events judge nothing."""

    def take(self, placed: PlacedItems) -> None:
        self._reads.append(self._whole.kept(placed.keep))
        self._items.append(placed.items)
        self._times.append(placed.times)
        self._origin = placed.origin

    def partials(self) -> list[tuple[int, int, int, Partial]]:
        """Return (policy, shard, closing pane, rows) of all that was taken."""
        if self._origin is None:
            return []
        read, names = joined_reads(self._reads), self._whole.builder.parts.names(0)
        team_of_model = np.array([self._how.claims.of(name) for name in names], np.int64)
        models = read.parts[0]
        of = team_of_model[models]
        for model, count in zip(*np.unique(models[of == NOBODY], return_counts=True), strict=True):
            self.unclaimed[names[model]] += int(count)
        groups = self._how.group_of[of]
        placed = PlacedItems(
            items=_joined(self._items),
            index=np.arange(len(of)),
            keep=np.ones(len(of), bool),
            times=joined_times(self._times),
            origin=self._origin,
            rejects=(),
            reached=0,
        )
        found = []
        for number, group in enumerate(self._how.groups):
            rows = np.flatnonzero(groups == number)
            if len(rows):
                found += self._counted(number, group, read, of, placed, rows)
        return found

    def _counted(
        self, number: int, group: Alike, read: ReadEvents, of: Ints, placed: PlacedItems, rows: Ints
    ) -> list[tuple[int, int, int, Partial]]:
        """Return the same for the events of one group, at `rows`; `of` (n,) are the policies of all events."""
        counted = EventItems(group.policy, self._pseudonyms)
        counted.shown_before = self._how.shown[number]
        own = _read_for(number, group, read, of)
        version, versions = self._versions(group, read.parts[VERSION])
        whole = self._whole.builder
        places = [2 + self._how.policy.dimensions.index(name) for name in group.policy.dimensions]
        own = msgspec.structs.replace(own, parts=[read.parts[0], version, *(read.parts[at] for at in places)])
        if len(rows) < len(of):
            own = own.of(rows)
            placed = msgspec.structs.replace(
                placed,
                items=some_of(placed.items, rows),
                index=rows,
                keep=placed.keep[rows],
                times=placed.times.of(rows),
            )
        indices = whole.parts.indices
        counted.take_read(own, [indices[0], versions, *(indices[at] for at in places)], whole.error_types)
        counted.take(placed)
        claims, shards, teams = self._how.claims, group.policy.shards, self._how.teams
        found = counted.partials_by(lambda model: claims.of(model) * shards + home_of(model, teams))
        return [(*divmod(each, shards), closing, rows) for each, closing, rows in found]

    def _versions(self, group: Alike, numbers: Ints) -> tuple[Ints, Numbering]:
        """Return the versions that events of a group are counted under: its file names those that answer copies."""
        index = self._whole.builder.parts.indices[VERSION]
        mirrors = Mirrors(group.policy.releases.mirrored)
        if all(mirrors[name] == name for name in index):
            return numbers, index
        counted = Numbering()
        return np.array([counted[mirrors[name]] for name in index], np.int64)[numbers], counted

    def commands(self) -> list[tuple[int, int, Coming]]:
        return []


def _read_for(number: int, group: Alike, read: ReadEvents, of: Ints) -> ReadEvents:
    """Return the part of what was read that a group needs; `of` (n,) are the policies of the events."""
    numbers = {field: read.numbers[field] for field in group.fields}
    numbers |= {name: read.numbers[column_of(number, name)] for name in group.of_slis}
    if len(group.teams) > 1:
        numbers[TEAM] = of.astype(float)
    chained = chained_slis(group.policy)
    return msgspec.structs.replace(
        read, numbers=numbers, chain=read.chain if chained else NONE, event=read.event if chained else NONE
    )


def _joined(items: Sequence[Items]) -> Items:
    """Return the items taken chunk by chunk as one; freed items came as a single chunk."""
    if len(items) == 1:
        return items[0]
    return [item for some in items for item in cast(Sequence[Event], some)]
