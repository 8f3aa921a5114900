"""Feedback where several policies share a worker: each is counted only by the policy of its model.

What all have in common is done at once: which items are refused, which are duplicates, and where they belong in time.
Then each policy's feedback is read and counted as if there were no other policy. Events: `team_events.py`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.again import Items
from operators.ingest.event_times import EventTimes, joined_times
from operators.ingest.formats.format import ItemDecoder
from operators.ingest.formats.origin import Origin
from operators.ingest.messages import Messages
from operators.ingest.placing import Kept, Reasons
from operators.ingest.read_events import ScannedReads
from operators.ingest.streams.feedback import FeedbackItems
from operators.ingest.streams.stream import PlacedItems
from operators.policy.claims import NOBODY, Claims
from operators.policy.policy import Policy
from operators.window.partial import Partial
from operators.window.waiting_commands import Coming
from operators.wire.events import Feedback


class TeamFeedback:
    """The feedback of one batch: `whole` is what all have in common, `counted` makes the counter for a policy.

    `unclaimed` counts, by model, the items that no policy takes.
    """

    def __init__(
        self, whole: FeedbackItems, policy: Policy, claims: Claims, counted: Callable[[Policy], FeedbackItems]
    ) -> None:
        self._whole, self._teams, self._claims, self._counted = whole, policy.teams, claims, counted
        self.unusable: Counter[str] = Counter()
        self.unclaimed: Counter[str] = Counter()
        self._items: list[Feedback] = []
        self._times: list[EventTimes] = []
        self._of: list[Ints] = []
        self._repeated: list[Kept] = []
        self._origin: Origin | None = None
        self._asks = False  # Whether any policy needs to know which criteria were judged before.

    @property
    def needs_items(self) -> bool:
        return True

    @property
    def feedback(self) -> Sequence[Feedback]:
        """The feedback that some policy takes."""
        if not self._items:
            return ()
        of = np.concatenate(self._of).tolist()
        return [item for item, team in zip(self._items, of, strict=True) if team != NOBODY]

    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        return self._whole.read(items)

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        """Return None: every feedback is decoded."""

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        return self._whole.faults(items, index, origin, known)

    def ids(self) -> Ints | None:
        return self._whole.ids()

    def criteria(self) -> Ints | None:
        return self._whole.criteria()

    def take(self, placed: PlacedItems) -> None:
        models = self._whole.parts()[0][placed.keep]
        names = self._whole.builder.parts.names(0)
        of = np.array([self._claims.of(name) for name in names], np.int64)[models]
        for model, count in zip(*np.unique(models[of == NOBODY], return_counts=True), strict=True):
            self.unclaimed[names[model]] += int(count)
        self._origin = placed.origin
        self._items += cast(Sequence[Feedback], placed.items)  # They are needed, so none was freed.
        self._times.append(placed.times)
        self._of.append(of)
        self._asks |= placed.repeated is not None
        self._repeated.append(np.zeros(len(of), bool) if placed.repeated is None else placed.repeated)

    def partials(self) -> list[tuple[int, int, int, Partial]]:
        """Return (policy, shard, closing pane, rows) of all that was taken."""
        self.unusable += self._whole.unusable
        if self._origin is None:
            return []
        of, times, repeated = np.concatenate(self._of), joined_times(self._times), np.concatenate(self._repeated)
        found = []
        for team in np.unique(of[of != NOBODY]).tolist():
            rows = np.flatnonzero(of == team)
            counted = self._counted(self._teams[team])
            items = counted.read([self._items[row] for row in rows.tolist()])
            counted.take(
                PlacedItems(
                    items=items,
                    index=np.arange(len(rows)),
                    keep=np.ones(len(rows), bool),
                    times=times.of(rows),
                    origin=self._origin,
                    rejects=(),
                    reached=0,
                    repeated=repeated[rows] if self._asks else None,
                )
            )
            found += [(team, *each) for each in counted.partials()]
        return found

    def commands(self) -> list[tuple[int, int, Coming]]:
        return []


def common(policy: Policy) -> Policy:
    """Return the policy by which all items are handled before they are told apart: it counts nothing."""
    slis = tuple(sli for team in policy.teams for sli in team.slis)
    # Each file names the versions of its own models that answer copies (`team_versions.py`).
    releases = msgspec.structs.replace(policy.releases, mirrored=())
    return msgspec.structs.replace(policy, slis=slis, releases=releases, teams=(), claims=None)
