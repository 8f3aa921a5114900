"""One partition of a topic or one file: raw messages in, partials by shard out, late judged by its own log.

Late means older than the time its own partition has reached (`progress.py`) by more than the allowed disorder, so it
does not depend on batches, other partitions or clocks. What the partition remembers is `PartitionState`, saved with
its offset.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest import command_faults as told
from operators.ingest import reserved, wrong_topic
from operators.ingest.answers import AMBIGUOUS, NO_REQUEST, KnownRequests
from operators.ingest.believed import faults_of_times, without_absurd_times
from operators.ingest.columns import ColumnsBuilder, Stream, times_of
from operators.ingest.credentials import Credentials
from operators.ingest.duplicates import Anchor, Duplicates, ids_of
from operators.ingest.event_times import EventTimes, joined_times
from operators.ingest.formats.native import Decoder, Origin, Reject
from operators.ingest.late_share import LateShare
from operators.ingest.leads import usual
from operators.ingest.messages import Messages
from operators.ingest.progress import Recent, advance
from operators.ingest.refused_share import RefusedShare
from operators.ingest.relayed import Seen, copies
from operators.ingest.shown import shown
from operators.ingest.summarise import summarise
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.window.panes import ShardInput
from operators.window.partial import Partial
from operators.window.samples import Sample
from operators.window.shards import SHARDS
from operators.window.waiting_commands import Coming, Sent
from operators.window.watermark import END, NEVER, PartitionProgress
from operators.wire.commands import AnyCommand, Command, Silence, Unsilence
from operators.wire.control import Notice
from operators.wire.events import Event, Feedback

KINDS: dict[Stream, object] = {"events": Event, "feedback": Feedback, "commands": AnyCommand}
AHEAD_MAX = 300  # Panes of one partition that events may open ahead of its time by more than the tolerance.
NO_CONTEXT = "no_context"
NEVER_STOP = frozenset({NO_CONTEXT, NO_REQUEST, AMBIGUOUS})
CHUNK = 4_000  # Messages decoded at once: with more, the decoded objects no longer fit the processor's caches.


Item = Event | Feedback | AnyCommand


class PartitionState(msgspec.Struct, kw_only=True):
    """`newest` [Unix ms] is the time that the partition has reached, by its `recent` events; `furthest` is the largest.

    `ahead` are panes that events have opened far ahead of that time. `appended` [Unix ms] is the broker's time of the
    last message, NEVER where it stamps none. `relayed` says what was seen of other logs.
    """

    newest: int = NEVER
    appended: int = NEVER
    remembered: Anchor | None = None
    recent: Recent = Recent()
    furthest: int = NEVER
    ahead: tuple[int, ...] = ()
    late_share: LateShare = msgspec.field(default_factory=LateShare)
    refused_share: RefusedShare = msgspec.field(default_factory=RefusedShare)
    relayed: Seen = {}


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """How time went on, item by item of those that may move it: its `message`, the time `after` it, whether `late`."""

    message: Ints
    after: Ints
    late: NDArray[np.bool_]


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch of messages came to: valid `items`, how many of them `late`, their span of event time.

    `feedback` are the valid ones, to be stored row by row. `tombstones` are messages without a value: no items.
    `unusable`: of how many items each optional field was left out. `notices` are what people should hear of the input.
    `duplicates` had come before, and are no items. `behind_ms` is how far the partition's time is behind the broker's
    clock, None where this is not known.
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
    notices: Sequence[Notice] = ()
    duplicates: int = 0
    behind_ms: int | None = None


class Partition:
    """Takes the messages of one source in order. `sources` are all partitions that hold panes open.

    Feedback without context is looked up in `requests`, where they are given.
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
    ) -> None:
        self._requests = requests
        self.source, self.stream, self.sources, self.policy = source, stream, sources, policy
        self.state = PartitionState()
        self._credentials = credentials or Credentials()
        self._duplicates = Duplicates(policy.dedup.horizon_ms, policy.dedup.ids_max)
        self._pseudonyms = pseudonyms
        self._decoder: Decoder[Item] = Decoder(KINDS[stream], policy.dead_letters.message_bytes_max)  # type: ignore[arg-type]  # mypy takes a union of types for no type.

    def take(self, messages: Messages) -> Batch:
        """Take the next messages of the source, and say what they come to.

        TooManyRejects when more than a share is refused, and the policy stops for it.
        """
        builder = ColumnsBuilder(self.stream, self.policy, self._pseudonyms)
        newest = self.state.newest
        places: list[EventTimes] = []
        samples: list[tuple[int, Sample]] = []
        passed: list[Passed] = []
        rejects: list[Reject] = []
        feedback: list[Feedback] = []
        unusable: Counter[str] = Counter()
        duplicates = 0
        notices: list[tuple[int, int, Notice]] = []
        said: list[tuple[int, int, Coming]] = []
        # Of a refused command it is told when its log had come to it, so commands are taken message by message.
        chunk = 1 if self.stream == "commands" else CHUNK
        again, self.state.relayed = copies(messages, self.state.relayed)
        if len(messages):
            self._duplicates.begin(messages.positions[0])
        for start in range(0, len(messages), chunk):
            items, origin, bad = self._decoded(messages.part(start, start + chunk), unusable)
            parts = self._parts(items, builder)
            ids, twice = self._ids(items, builder, parts), None if again is None else again[start + origin.messages_of]
            keep, placed, refused, moved = self._place(items, origin, ids, twice)
            passed.append(msgspec.structs.replace(moved, message=moved.message + start))
            if not keep.all():
                duplicates += len(items) - len(refused) - int(keep.sum())
                items = [items[index] for index in np.flatnonzero(keep).tolist()]
                parts = [part[keep] for part in parts]
            if self.stream == "events":
                builder.add_events(cast(list[Event], items), placed, parts)
            elif self.stream == "feedback":
                builder.add_feedback(cast(list[Feedback], items), placed, parts)
                feedback += cast(list[Feedback], items)
            if self.stream != "commands" and items:
                before = sum(len(place.pane) for place in places)
                chunk_shown = shown(cast(list[Event], items), builder.last(), placed, parts, self.policy)
                samples += [(before + row, sample) for row, sample in chunk_shown]
            places.append(placed)
            here = sorted(bad + refused, key=attrgetter("position", "item"))  # In any batches in this order.
            rejects += here
            if self.stream == "commands":
                at = [origin.place(index) for index in np.flatnonzero(keep).tolist()]
                said += self._said(cast(list[AnyCommand], items), at, placed, here, messages.part(start, start + chunk))
        placed = joined_times(places)
        self._note_stamps(messages)
        self.state.remembered = self._duplicates.anchor
        if self.stream == "commands":  # However many are refused: people hear of each, and models stay watched.
            inputs = self._inputs([], said)
        else:
            notices = self._shares(messages, rejects, newest, passed)
            columns = msgspec.structs.replace(builder.build(), samples=samples)
            shards = np.array([shard_of(name.model) for name in columns.names], np.int64)
            inputs = self._inputs(summarise(columns, placed, shards, self.policy), notices)
        return Batch(
            inputs=inputs,
            rejects=rejects,
            feedback=feedback,
            items=len(placed.pane),
            late=int(placed.late.sum()),
            oldest_ms=int(placed.time.min(initial=END)),
            newest_ms=int(placed.time.max(initial=NEVER)),
            tombstones=messages.tombstones,
            unusable=unusable,
            notices=[notice for _, _, notice in notices],
            duplicates=duplicates,
            behind_ms=self.behind_ms,
        )

    def remember_from(self, anchor: Anchor) -> None:
        """Begin to remember what came from there on: nothing of it counts again."""
        dedup = self.policy.dedup
        self._duplicates = Duplicates(dedup.horizon_ms, dedup.ids_max, anchor.clock)

    def remember(self, messages: Messages) -> None:
        """Take messages that have counted before, to know later ones that are the same."""
        state, self.state = self.state, msgspec.structs.replace(self.state)
        self._duplicates.begin(messages.positions[0])
        for start in range(0, len(messages), CHUNK):
            builder = ColumnsBuilder(self.stream, self.policy)
            items, origin, _ = self._decoder.decode(messages.part(start, start + CHUNK))
            self._place(items, origin, self._ids(items, builder, self._parts(items, builder)))
        self.state = state

    def _decoded(self, messages: Messages, unusable: Counter[str]) -> tuple[list[Item], Origin, list[Reject]]:
        """Return the valid items, feedback with the context of its requests where they are known; see `Decoder`.

        Add to `unusable` of how many of them each field was left out.
        """
        items, origin, bad = self._decoder.decode(messages)
        unusable.update(origin.unusable)
        if self.stream == "feedback":
            told = cast(list[Feedback], items)
            unusable += Counter(request_ts=without_absurd_times(told))
            if self._requests is not None:
                items = [*map(self._requests.completed, told)]
        return items, origin, bad

    def _parts(self, items: Sequence[Item], builder: ColumnsBuilder) -> list[Ints]:
        return [] if self.stream == "commands" else builder.parts(cast(list[Event], items))

    def _ids(self, items: Sequence[Item], builder: ColumnsBuilder, parts: Sequence[Ints]) -> Ints | None:
        """Return what tells the items apart, None where none of them can be a duplicate."""
        if self.stream == "commands" or not self.policy.dedup.horizon_ms or not items:
            return None
        named = [(parts[part], builder.names(part)) for part in (0, 1)]
        return ids_of(cast(list[Event], items), named)

    def end(self) -> list[tuple[int, ShardInput]]:
        """The source has ended: it holds no pane open any more, and its last events wait for no others."""
        newest = max(self.state.newest, self.state.furthest)
        return self._marks(PartitionProgress(partition=self.source, newest=newest, done=True))

    def rest(self) -> list[tuple[int, ShardInput]]:
        """The source is read to its end and silent: it holds no pane open until it speaks again."""
        return self._marks(msgspec.structs.replace(self._mark(), idle=True))

    def wake(self) -> list[tuple[int, ShardInput]]:
        """The source may have more to be read after all: it holds panes open again."""
        return self._marks(self._mark())

    @property
    def behind_ms(self) -> int | None:
        """How far its time is behind the broker's clock at its last message; None where that is not known."""
        # Old events move time after some of them only: before, the newest of them says how far it is at most.
        reached = self.state.furthest if self.state.newest == NEVER else self.state.newest
        return None if NEVER in (reached, self.state.appended) else self.state.appended - reached

    @property
    def behind(self) -> bool:
        """Whether that is too far for anybody to wait for it."""
        return self.behind_ms is not None and self.behind_ms > self.policy.behind_ms

    @property
    def leads(self) -> bool:
        """Whether it says how far time has come, so that nobody need wait for partitions far behind: events do."""
        return self.stream == "events" and self.behind_ms is not None and not self.behind

    def _mark(self) -> PartitionProgress:
        return PartitionProgress(
            partition=self.source,
            newest=self.state.newest,
            behind=self.behind,
            leads=self.leads,
            passed=self._passed(),
        )

    def _passed(self) -> int:
        """Return how far time has come by the broker's clock and what events usually take; NEVER where unknown."""
        bound = usual(self.state.recent.leads, self.policy)
        if bound is None or bound < -self.policy.behind_ms or self.state.appended == NEVER:
            return NEVER
        return self.state.appended + bound

    def _note_stamps(self, messages: Messages) -> None:
        if len(messages):
            self.state.appended = messages.appended_at(-1)

    def _marks(self, mark: PartitionProgress) -> list[tuple[int, ShardInput]]:
        return [(shard, ShardInput(shard=shard, mark=mark, partitions=self.sources)) for shard in range(SHARDS)]

    def _said(
        self,
        commands: Sequence[AnyCommand],
        at: Sequence[tuple[int, int]],
        placed: EventTimes,
        rejects: Sequence[Reject],
        messages: Messages,
    ) -> list[tuple[int, int, Coming]]:
        """Return (shard, closing pane, what was said); what names no model is said to all shards."""
        said: list[tuple[int, int, Coming]] = []
        who = self._credentials
        for command, (position, item), closing in zip(commands, at, placed.closing.tolist(), strict=True):
            every = isinstance(command, Silence | Unsilence) and command.model is None
            home = shard_of(command.model or "")  # Where it is told of, if it was taken before.
            sent = Sent(command=told.kept(who.attributed(command)), source=self.source, position=position, item=item)
            shards = range(SHARDS) if every else [home]
            said += [(shard, closing, msgspec.structs.replace(sent, told=shard == home)) for shard in shards]
        # A refused command has no time that can be believed: it is told of with the pane that the log has reached.
        reached = self._reached(messages, 0) // self.policy.pane_ms
        said += [(shard_of(refusal.model), reached, refusal) for refusal in told.refusals(rejects, self.source)]
        return said

    def _reached(self, messages: Messages, index: int) -> int:
        """Return the time that the log has come to; before its first item the broker's, where it stamps messages."""
        reached = max(self.state.newest, self.state.furthest)
        return messages.appended_at(index) if reached == NEVER else reached

    def _place(
        self, items: Sequence[Item], origin: Origin, ids: Ints | None, twice: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.bool_], EventTimes, list[Reject], Passed]:
        """Judge the time of every item: which to keep, where those belong, why not the others, and how time went on.

        Those that were sent `twice` are remembered as all others are, and dropped.
        """
        times = times_of([item.ts for item in items])
        reasons = faults_of_times(times, origin, self.policy)
        if self.stream == "events":
            events = cast(Sequence[Event], items)
            reasons = wrong_topic.feedback_faults(events) | reserved.faults_of(events) | reasons
        else:
            for index, item in enumerate(items):
                if index not in reasons and (fault := self._fault_of(item, origin, index)):
                    reasons[index] = fault
        keep = np.ones(len(times), bool)
        keep[list(reasons)] = False
        if ids is not None:  # A duplicate moves no time, and is late for nothing.
            keep[np.flatnonzero(keep)[self._duplicates.again(ids[keep], times[keep])]] = False
        if twice is not None:
            keep &= ~twice
            reasons = {index: reason for index, reason in reasons.items() if not twice[index]}
        # A refused item must not move time on: one bad clock would make everybody else late.
        appended = None if origin.messages.appended is None else origin.appended_ms[keep]
        after, self.state.recent = advance(self.state.newest, self.state.recent, times[keep], self.policy, appended)
        seen = np.append(self.state.newest, after)
        before = seen[np.cumsum(keep) - keep]
        late = times < before - self.policy.disorder_ms
        passed = Passed(message=np.asarray(origin.message_of, np.int64)[keep], after=after, late=late[keep])
        for index in np.flatnonzero(keep & (times < before - self.policy.late_horizon_ms)).tolist():
            reasons[index] = "too_late", f"{before[index] - times[index]} ms behind its partition"
            keep[index] = False
        self._bound(times, before, keep, reasons)
        self.state.newest = int(seen[-1])
        self.state.furthest = max(self.state.furthest, int(times[keep].max(initial=NEVER)))
        pane = times // self.policy.pane_ms
        closing = np.where(late, before // self.policy.pane_ms, pane)
        placed = EventTimes(time=times[keep], closing=closing[keep], pane=pane[keep], late=late[keep].astype(np.int64))
        rejects = [origin.reject(index, *reason) for index, reason in sorted(reasons.items())]
        return keep, placed, rejects, passed

    def _bound(self, times: Ints, before: Ints, keep: NDArray[np.bool_], reasons: dict[int, tuple[str, str]]) -> None:
        """Refuse events far ahead of their partition that would open more than AHEAD_MAX panes there.

        Few events after a pause are far ahead, and keep a place until time follows; an endless run of wrong ones would
        fill the memory.
        """
        pane_ms, far = self.policy.pane_ms, before + self.policy.future_ms
        for index in np.flatnonzero(keep & (before > NEVER) & (times > far)).tolist():
            pane = int(times[index]) // pane_ms
            if pane in self.state.ahead:
                continue
            self.state.ahead = tuple(each for each in self.state.ahead if each * pane_ms > far[index])
            if len(self.state.ahead) < AHEAD_MAX:
                self.state.ahead += (pane,)
                continue
            reasons[index] = "future_timestamp", f"{times[index] - before[index]} ms ahead of its partition, like many"
            keep[index] = False

    def _fault_of(self, item: Item, origin: Origin, index: int) -> tuple[str, str] | None:
        if isinstance(item, Feedback):
            return _fault_of(item) if self._requests is None else self._requests.fault_of(item) or _fault_of(item)
        if not isinstance(item, Command):
            return None
        return told.command_fault(item, origin, index, self._credentials)

    def _shares(
        self, messages: Messages, rejects: Sequence[Reject], newest: int, passed: Sequence[Passed]
    ) -> list[tuple[int, int, Notice]]:
        """Return what people should hear of the shares that are late and refused, with the panes where it is so."""
        after = np.concatenate([np.array([newest]), *(each.after for each in passed)])
        late = np.concatenate([np.zeros(0, bool), *(each.late for each in passed)])
        at = np.concatenate([np.zeros(0, np.int64), *(each.message for each in passed)])
        told = self.state.late_share.take(self.source, after[1:], late)
        limits = self.policy.dead_letters
        if limits.on_refused == "stop":  # Who sends feedback without context has only sent it to the wrong place.
            rejects = [reject for reject in rejects if reject.reason not in NEVER_STOP]
        for message, notice in self.state.refused_share.take(self.source, messages.positions, rejects, limits):
            time = int(after[np.searchsorted(at, message, "right")])
            told.append((messages.appended_at(message) if time == NEVER else time, notice))
        return [(shard_of(""), time // self.policy.pane_ms, notice) for time, notice in told]

    def _inputs(
        self, partials: Sequence[tuple[int, int, Partial]], said: Sequence[tuple[int, int, Coming]] = ()
    ) -> list[tuple[int, ShardInput]]:
        """One input for every shard, each with this partition's mark: no shard may miss that time has passed."""
        mark = self._mark()
        by_shard: dict[int, list[tuple[int, Partial]]] = {}
        for shard, closing, partial in partials:
            by_shard.setdefault(shard, []).append((closing, partial))
        said_to: dict[int, list[tuple[int, Coming]]] = {}
        for shard, closing, each in said:
            said_to.setdefault(shard, []).append((closing, each))
        return [
            (
                shard,
                ShardInput(
                    shard=shard,
                    mark=mark,
                    partitions=self.sources,
                    partials=by_shard.get(shard, ()),
                    commands=said_to.get(shard, ()),
                ),
            )
            for shard in range(SHARDS)
        ]


def _fault_of(item: Feedback) -> tuple[str, str] | None:
    """Why a feedback cannot be used, whatever its own time."""
    if item.model is None or item.version is None:
        return NO_CONTEXT, "feedback needs model and version; without them send it to the topic that enrich reads"
    return reserved.name_fault(item.model, item.version)


@lru_cache(maxsize=10_000)
def shard_of(model: str) -> int:
    """Return the shard of a model: the same in every process, unlike Python's own hash."""
    return int.from_bytes(blake2b(model.encode(), digest_size=8).digest()) % SHARDS
