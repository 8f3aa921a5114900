"""Takes one partition of events into the request log: raw messages in, rows out, and why the rest is refused.

It refuses what the monitor refuses by looking at one event: what cannot be read, reserved names, times that cannot be
true, and events far behind their partition. The monitor writes their dead letters; here they are only counted.
Duplicates are rows that replace each other (`request_rows`).
"""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.archive.known_ids import KnownIds
from operators.archive.request_rows import RANKS, request_rows, row_place_of
from operators.archive.texts import Texts
from operators.arrays import Ints
from operators.ingest import reserved, wrong_topic
from operators.ingest.believed import faults_of_times
from operators.ingest.columns import times_of
from operators.ingest.formats.origin import Origin
from operators.ingest.formats.registry import request_decoder_of
from operators.ingest.messages import Messages
from operators.ingest.own_dimensions import slicing
from operators.ingest.progress import Recent, advance
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Rows
from operators.window.watermark import NEVER
from operators.wire.events import Request

# Messages decoded and turned into columns at once: the result of more would not fit the processor's caches.
CHUNK = 1_000


class LogState(msgspec.Struct, frozen=True, kw_only=True):
    """The time that the partition has reached, `newest` [Unix ms], by its `recent` events, as in the monitor."""

    newest: int = NEVER
    recent: Recent = Recent()


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The result of some messages: rows, how many items were refused, by reason, and what else was left out.

    `redacted` counts, by kind, the parts of texts that were replaced.
    """

    rows: Sequence[Rows]
    items: int
    rejects: Counter[str]
    unusable: Counter[str]
    redacted: Counter[str]
    tombstones: int


class RequestLog:
    """Takes the messages of one source in order. If ids are hashed, `pseudonyms` must have a key, else ValueError.

    Rows are made of all requests, or of those whose id is in `only`, and given to `pack` a batch at a time. `form`
    names the format of the messages.
    """

    def __init__(
        self,
        source: str,
        policy: Policy,
        pseudonyms: Pseudonyms,
        state: LogState | None = None,
        only: Container[str] | None = None,
        form: str = "native",
        pack: Callable[[Rows], Rows] = lambda rows: rows,
    ) -> None:
        self._only, self._pack = only, pack
        self.state = state or LogState()
        self._source = source
        self._rank = int.from_bytes(blake2b(source.encode(), digest_size=2).digest()) % RANKS
        self._policy = policy
        self._decoder = slicing(request_decoder_of(form)(policy), policy)
        if policy.archive.ids == "hashed" and pseudonyms.key is None:
            raise ValueError("ids are to be hashed, and there is no key")
        self._ids = KnownIds(None if policy.archive.ids == "full" else pseudonyms)

    def take(self, messages: Messages) -> Taken:
        """Take the next messages of the source."""
        texts = Texts(self._policy.archive)
        rejects: Counter[str] = Counter()
        unusable: Counter[str] = Counter()
        rows: list[Rows] = []
        for start in range(0, len(messages), CHUNK):
            decoded = self._decoder.decode(messages.part(start, start + CHUNK))
            events, origin, refused = decoded.items, decoded.origin, decoded.rejects
            unusable.update(origin.unusable)
            rejects.update(reject.reason for reject in refused)
            if not events:
                continue
            keep, times, reasons = self._sift(events, origin)
            rejects.update(reasons)
            if self._only is not None:
                keep &= np.fromiter((event.request_id in self._only for event in events), bool, len(events))
            if keep.any():
                rows.append(self._pack(self._rows(events, origin, times, keep, texts)))
        unusable += texts.unusable
        return Taken(
            rows=rows,
            items=sum(map(len, rows)),
            rejects=rejects,
            unusable=unusable,
            redacted=texts.replaced,
            tombstones=messages.tombstones,
        )

    def _rows(
        self, events: Sequence[Request], origin: Origin, times: Ints, keep: NDArray[np.bool_], texts: Texts
    ) -> Rows:
        """Return the rows of the events that are kept."""
        place = row_place_of(self._source, self._rank, origin)
        if not keep.all():
            events = [events[index] for index in np.flatnonzero(keep).tolist()]
            place = msgspec.structs.replace(place, position=place.position[keep], item=place.item[keep])
        return request_rows(events, times[keep], place, texts, self._ids, self._policy)

    def _sift(self, events: Sequence[Request], origin: Origin) -> tuple[NDArray[np.bool_], Ints, Counter[str]]:
        """Return which events to keep, the times of all, and how many are refused, by reason; advance the time."""
        times = times_of([event.ts for event in events])
        reasons = wrong_topic.feedback_faults(events) | reserved.faults_of(events)
        reasons |= faults_of_times(times, origin, self._policy)
        keep = np.ones(len(times), bool)
        keep[list(reasons)] = False
        appended = None if origin.messages.appended is None else origin.appended_ms[keep]
        after, recent = advance(self.state.newest, self.state.recent, times[keep], self._policy, appended)
        seen = np.append(self.state.newest, after)
        self.state = LogState(newest=int(seen[-1]), recent=recent)
        # Each day is a partition of the table: a wrong clock with random days would make thousands of them.
        behind = keep & (times < seen[np.cumsum(keep) - keep] - self._policy.late_horizon_ms)
        found = Counter(reason for reason, _ in reasons.values())
        if behind.any():
            found["too_late"] += int(behind.sum())
        return keep & ~behind, times, found
