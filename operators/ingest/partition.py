"""One partition of a topic or one file: raw messages in, partials by shard out. Its items are placed, then summarised.

A message is decoded by the input's format (`formats/`), which tells the stream of each item. All items of a chunk are
placed together, in the order of the log (`placing.py`); then each stream processes its own (`streams/`). What the
partition remembers is `PartitionState`, saved with its offset.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from operators.ingest.answers import AMBIGUOUS, NO_REQUEST, KnownRequests
from operators.ingest.chunks import Chunk, TakenChunks
from operators.ingest.credentials import Credentials
from operators.ingest.duplicates import Anchor
from operators.ingest.event_scans import event_scan_for
from operators.ingest.event_times import joined_times
from operators.ingest.formats.format import Stream
from operators.ingest.formats.origin import Reject
from operators.ingest.formats.registry import FORMATS
from operators.ingest.headroom import with_headroom
from operators.ingest.known_series import KnownSeries
from operators.ingest.messages import Messages
from operators.ingest.own_dimensions import slicing
from operators.ingest.placing import PartitionState, Placing, joined_passed
from operators.ingest.shown_before import ShownBefore
from operators.ingest.streams.commands import CommandItems
from operators.ingest.streams.events import EventItems
from operators.ingest.streams.feedback import NO_CONTEXT, FeedbackItems
from operators.ingest.streams.stream import StreamBatch
from operators.ingest.streams.team_events import TeamEvents, TeamReading
from operators.ingest.streams.team_feedback import TeamFeedback, common
from operators.ingest.streams.team_versions import TeamVersions
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.window.pane_items import ShardInput
from operators.window.partial import Partial
from operators.window.shards import home_of
from operators.window.waiting_commands import Coming
from operators.window.watermark import END, NEVER, PartitionProgress
from operators.wire.control import Notice
from operators.wire.events import Feedback

NEVER_STOP = frozenset({NO_CONTEXT, NO_REQUEST, AMBIGUOUS})
TeamPartial = tuple[int | None, int, int, Partial]  # The policy's number, the shard, and the pane it closes with.
CHUNK = 4_000  # Messages decoded at once where items are kept: more do not fit the processor's caches.


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one batch of messages: valid `items`, how many of them are `late`, their span of event time.

    `feedback` is the valid feedback, to be stored row by row. `tombstones` are messages without a value: not items.
    `unusable` counts, by optional field, the items it was left out of. `unread` are fields of some messages that are
    not read. `notices` tell people about the input. `duplicates` had come before, and are not items. `behind_ms` is how
    far the partition's time is behind the broker's clock, None where that is unknown. `unclaimed` counts, by model, the
    items that none of several policies takes.
    """

    inputs: list[tuple[int, ShardInput]]
    rejects: list[Reject]
    feedback: list[Feedback]
    items: int
    late: int
    oldest_ms: int
    newest_ms: int
    tombstones: int = 0
    unusable: Counter[str] = msgspec.field(default_factory=Counter)
    unread: Collection[str] = ()
    notices: Sequence[Notice] = ()
    duplicates: int = 0
    behind_ms: int | None = None
    unclaimed: Counter[str] = msgspec.field(default_factory=Counter)


class Partition:
    """Takes the messages of one source in order. `sources` are all the partitions that hold panes open.

    `stream` is what the input is named for; its `format` may carry others. Feedback without context is looked up in
    `requests`, where they are given.
    """

    def __init__(
        self,
        source: str,
        stream: Stream,
        sources: tuple[str, ...],
        policy: Policy,
        credentials: Credentials | None = None,
        pseudonyms: Pseudonyms = Pseudonyms(),  # noqa: B008  # Frozen.
        requests: KnownRequests | None = None,
        form: str = "native",
    ) -> None:
        self.source, self.stream, self.sources, self.policy = source, stream, sources, policy
        self.carries = FORMATS[form].carries(stream)
        self._decoder = slicing(FORMATS[form].decoder(stream, policy), policy)
        self._teams = None if policy.claims is None else TeamReading(policy, policy.claims)
        read = policy if self._teams is None else self._teams.policy
        self._scan = event_scan_for(form, read) if stream == "events" else None
        # A refusal is reported with the time its log has reached: so commands are taken one by one, however batched.
        self._chunk = 1 if "commands" in self.carries else CHUNK
        self._placing = Placing(policy)
        self._credentials = credentials or Credentials()
        self._pseudonyms = pseudonyms
        self._requests = requests
        self._known = {stream: KnownSeries() for stream in self.carries}
        self._shown = ShownBefore()

    @property
    def state(self) -> PartitionState:
        """What the partition must remember over a restart."""
        return self._placing.state

    @state.setter
    def state(self, state: PartitionState) -> None:
        self._placing.state = state
        self._shown = ShownBefore()  # The one there was belongs to another moment.

    def take(self, messages: Messages) -> Batch:
        """Take the next messages of the source and return the result.

        TooManyRejects when too large a share is refused and the policy says to stop then.
        """
        taken = TakenChunks(self._streams(), self.state.newest)
        again = self._placing.begin(messages) if len(messages) else None
        step = self._chunk if any(each.needs_items for each in taken.streams.values()) else max(len(messages), 1)
        for start in range(0, len(messages), step):
            chunk = self._read(messages.part(start, start + step), taken.streams)
            twice = None if again is None else again[start + chunk.origin.messages_of]
            placed = self._placing.place(
                chunk.times, chunk.origin, chunk.reasons(self.policy), chunk.ids(), twice, chunk.criteria()
            )
            taken.add(chunk, placed, start)
            chunk.hand_on(placed, self._placing.reached(messages, start))
        if len(messages):
            self._placing.end(messages)
        notices = self._shares(messages, taken) if {*self.carries} != {"commands"} else []
        return self._batch(messages, taken, notices)

    def remember_from(self, anchor: Anchor) -> None:
        """Begin to remember items from the anchor on: they do not count again."""
        self._placing.remember_from(anchor)

    def remember(self, messages: Messages) -> None:
        """Take messages that have counted before, to recognise later copies."""
        self._placing.remember_begins(messages)
        for start in range(0, len(messages), CHUNK):
            chunk = self._read(messages.part(start, start + CHUNK), self._streams())
            self._placing.remember(chunk.times, chunk.origin, chunk.reasons(self.policy), chunk.ids(), chunk.criteria())

    def _read(self, messages: Messages, streams: Mapping[Stream, StreamBatch]) -> Chunk:
        return with_headroom(lambda: Chunk(messages, self._decoder, self.stream, streams))

    def end(self) -> list[tuple[int, ShardInput]]:
        """The source has ended: it no longer holds panes open, and its last events wait for no later ones."""
        newest = max(self.state.newest, self.state.furthest)
        return self._marks(PartitionProgress(partition=self.source, newest=newest, done=True))

    def rest(self) -> list[tuple[int, ShardInput]]:
        """The source is read to its end and silent: it holds no pane open until more comes."""
        return self._marks(msgspec.structs.replace(self._mark(), idle=True))

    def wake(self) -> list[tuple[int, ShardInput]]:
        """The source may have more to be read after all: it holds panes open again."""
        return self._marks(self._mark())

    @property
    def behind_ms(self) -> int | None:
        """How far the partition's time is behind the broker's clock at its last message; None where that is unknown."""
        return self._placing.behind_ms

    @property
    def behind(self) -> bool:
        """Whether the partition is too far behind for the others to wait for it."""
        return self.behind_ms is not None and self.behind_ms > self.policy.behind_ms

    @property
    def leads(self) -> bool:
        """Whether the partition has events and sets the time, so that partitions far behind are not waited for."""
        return "events" in self.carries and self.behind_ms is not None and not self.behind

    def _mark(self) -> PartitionProgress:
        return PartitionProgress(
            partition=self.source,
            newest=self.state.newest,
            behind=self.behind,
            leads=self.leads,
        )

    def _marks(self, mark: PartitionProgress) -> list[tuple[int, ShardInput]]:
        shards = range(self.policy.shards)
        return [(shard, ShardInput(shard=shard, mark=mark, partitions=self.sources)) for shard in shards]

    def _streams(self) -> dict[Stream, StreamBatch]:
        """Return new takers for the items of each stream in the next messages."""
        made: dict[Stream, Callable[[], StreamBatch]] = {
            "events": self._event_items,
            "feedback": self._feedback_items,
            "commands": lambda: CommandItems(self.source, self.policy, self._credentials),
        }
        return {stream: made[stream]() for stream in self.carries}

    def _event_items(self) -> StreamBatch:
        if self._teams is not None:
            return TeamEvents(self._teams, self._pseudonyms, self._scan)
        items = EventItems(self.policy, self._pseudonyms, self._scan)
        items.name_by(self._known["events"])
        items.shown_before = self._shown
        return items

    def _feedback_items(self) -> StreamBatch:
        if self.policy.claims is None:
            items = FeedbackItems(self.policy, self._pseudonyms, self._requests)
            items.name_by(self._known["feedback"])
            return items
        whole = FeedbackItems(common(self.policy), self._pseudonyms, self._requests)
        whole.versions = TeamVersions(self.policy, self.policy.claims)
        # Items that a policy counts have their context by then.
        return TeamFeedback(
            whole, self.policy, self.policy.claims, lambda policy: FeedbackItems(policy, self._pseudonyms, None)
        )

    def _shares(self, messages: Messages, taken: TakenChunks) -> list[tuple[int, int, Notice]]:
        """Return notices about the shares that are late, behind or refused, each with its shard and pane."""
        passed, rejects = joined_passed(taken.passed, taken.newest), taken.rejects
        notices = self.state.late_share.take(self.source, passed.after, passed.late)
        leads = "events" in self.carries
        notices += self.state.behind_share.take(self.source, passed, self.policy.behind_ms, leads=leads)
        limits = self.policy.dead_letters
        if limits.on_refused == "stop":  # Feedback without context was only sent to the wrong place.
            rejects = [reject for reject in rejects if reject.reason not in NEVER_STOP]
        for message, notice in self.state.refused_share.take(self.source, messages.positions, rejects, limits):
            time = int(passed.time[: np.searchsorted(passed.step, message, "right") + 1].max())
            notices.append((messages.appended_at(message) if time == NEVER else time, notice))
        home = home_of("", self.policy)
        return [(home, time // self.policy.pane_ms, notice) for time, notice in notices]

    def _batch(self, messages: Messages, taken: TakenChunks, notices: Sequence[tuple[int, int, Notice]]) -> Batch:
        streams = taken.streams.values()
        partials = [partial for stream in streams for partial in _of_teams(stream)]
        coming = [*(each for stream in streams for each in stream.commands()), *notices]
        times = joined_times(taken.times)
        return Batch(
            inputs=self._inputs(partials, coming),
            rejects=taken.rejects,
            feedback=[item for stream in streams for item in stream.feedback],
            items=len(times.pane),
            late=int(times.late.sum()),
            oldest_ms=int(times.time.min(initial=END)),
            newest_ms=int(times.time.max(initial=NEVER)),
            tombstones=messages.tombstones,
            unusable=sum((stream.unusable for stream in streams), taken.unusable),
            unread=taken.unread,
            notices=[notice for _, _, notice in notices],
            duplicates=taken.duplicates,
            behind_ms=self.behind_ms,
            unclaimed=sum(
                (each.unclaimed for each in streams if isinstance(each, TeamEvents | TeamFeedback | CommandItems)),
                Counter(),
            ),
        )

    def _inputs(
        self, partials: Sequence[TeamPartial], coming: Sequence[tuple[int, int, Coming]]
    ) -> list[tuple[int, ShardInput]]:
        """Return one input for every shard, each with this partition's mark: no shard may miss that time has passed."""
        mark = self._mark()
        by_shard: dict[int, list[tuple[int, Partial]]] = {}
        teams: dict[int, list[int]] = {}
        for team, shard, closing, partial in partials:
            by_shard.setdefault(shard, []).append((closing, partial))
            if team is not None:
                teams.setdefault(shard, []).append(team)
        coming_to: dict[int, list[tuple[int, Coming]]] = {}
        for shard, closing, each in coming:
            coming_to.setdefault(shard, []).append((closing, each))
        return [
            (
                shard,
                ShardInput(
                    shard=shard,
                    mark=mark,
                    partitions=self.sources,
                    partials=by_shard.get(shard, ()),
                    commands=coming_to.get(shard, ()),
                    teams=teams.get(shard, ()),
                ),
            )
            for shard in range(self.policy.shards)
        ]


def _of_teams(stream: StreamBatch) -> Iterator[TeamPartial]:
    """Yield the rows of a stream with the number of their policy, None where there is only one."""
    if isinstance(stream, TeamEvents | TeamFeedback):
        yield from stream.partials()
    else:
        yield from ((None, *each) for each in stream.partials())
