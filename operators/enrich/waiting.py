"""Gives one partition of feedback its context: what waits for its request to be archived, and for how long.

Feedback may come before the request log has its request. Then it waits, and so does all that comes after it in its
partition, as order is kept; but no item waits longer than `wait_ms` after its own message was received. So neither lag
nor waits for a flood of unknown ids add up, and after a pause the backlog does not wait at all.

The owner asks the request log for the ids that are `due`, passes the answers to `learned`, and gives the time.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence

import msgspec

from operators.ingest.answers import (
    AMBIGUOUS,
    NO_REQUEST,
    Ambiguous,
    Answer,
    answer_of,
    completed_text,
    has_context,
)
from operators.ingest.believed import faults_of_times
from operators.ingest.columns import times_of
from operators.ingest.formats.origin import Origin, Reject
from operators.ingest.formats.registry import FORMATS
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.wire.events import Feedback

CHUNK = 4_000  # Messages decoded at once.
AGAIN_MS_MIN = 500  # Before an id that was not found is looked up again.
BYTES_MAX = 900_000  # Of one item with its context: brokers take no more than 1 MB by default.


class Complete(msgspec.Struct, frozen=True):
    """An item to be written: where it stood, and its JSON."""

    position: int
    item: int
    value: bytes


def bytes_max_of(policy: Policy) -> int:
    """Return the size [bytes] of the largest item to write: readers or brokers take no larger one."""
    return min(policy.dead_letters.message_bytes_max, BYTES_MAX)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The next items that are decided, in order: the complete ones, and why the others are refused."""

    complete: Sequence[Complete]
    rejects: Sequence[Reject]


class _Item(msgspec.Struct, kw_only=True):
    """An item: its JSON, when its wait ends, and when to ask for its request; then the result."""

    position: int
    item: int
    feedback: Feedback
    text: bytes
    deadline_ms: int
    due_ms: int
    since_ms: int
    settled: bool = False
    complete: bytes | None = None


class WaitingFeedback:
    """Takes the messages of one raw feedback partition in order; `form` names their format."""

    def __init__(self, policy: Policy, form: str = "native") -> None:
        self._policy = policy
        self._decoder = FORMATS[form].decoder("feedback", policy)
        self._bytes_max = bytes_max_of(policy)
        self._items: deque[_Item] = deque()
        self._open: list[_Item] = []  # The items that are not settled.
        self._rejects: list[Reject] = []

    def __len__(self) -> int:
        """How many items wait, for their own request or for that of an earlier item."""
        return len(self._items)

    @property
    def position(self) -> int | None:
        """The position of the first message that is not done, None where all are."""
        return self._items[0].position if self._items else None

    def take(self, messages: Messages, now_ms: int) -> Counter[str]:
        """Take the next messages, read at `now_ms` [Unix ms]; return, by field, how many items it was left out of."""
        unusable: Counter[str] = Counter()
        for start in range(0, len(messages), CHUNK):
            decoded = self._decoder.decode(messages.part(start, start + CHUNK))
            items, origin, refused = decoded.items, decoded.origin, decoded.rejects
            unusable.update(origin.unusable)
            self._rejects += refused
            reasons = faults_of_times(times_of([item.ts for item in items]), origin, self._policy)
            self._rejects += [origin.reject(index, *reason) for index, reason in sorted(reasons.items())]
            received = origin.received_ms.tolist()
            for index, item in enumerate(items):
                if index not in reasons:
                    # A writer's or broker's clock that is ahead must not make items wait longer.
                    self._add(item, origin, index, min(received[index], now_ms), now_ms)
        return unusable

    def _add(self, item: Feedback, origin: Origin, index: int, received_ms: int, now_ms: int) -> None:
        position, number = origin.place(index)
        added = _Item(
            position=position,
            item=number,
            feedback=item,
            text=origin.text(index),
            deadline_ms=received_ms + self._policy.enrich.wait_ms,
            due_ms=now_ms,
            since_ms=now_ms,
        )
        self._items.append(added)
        if has_context(item):
            self._complete(added, added.text)
        else:
            self._open.append(added)

    def due(self, now_ms: int, count_max: int) -> list[str]:
        """Return the ids to look up now, the oldest first, at most `count_max`."""
        found: dict[str, None] = {}
        for each in self._open:
            if each.due_ms <= now_ms:
                found[each.feedback.request_id] = None
                if len(found) == count_max:
                    break
        return list(found)

    def learned(self, asked: Sequence[str], answers: Mapping[str, Sequence[Answer]], asked_ms: int) -> None:
        """Take the `answers` of the request log at `asked_ms` to the ids `asked`; it had none of the other ids."""
        names = frozenset(asked)
        for each in self._open:
            if each.feedback.request_id in names:
                self._settle(each, answers.get(each.feedback.request_id, ()), asked_ms)
        self._open = [each for each in self._open if not each.settled]

    def _settle(self, each: _Item, answers: Sequence[Answer], asked_ms: int) -> None:
        try:
            answer = answer_of(each.feedback, answers)
        except Ambiguous as error:
            self._refuse(each, AMBIGUOUS, str(error))
            return
        if answer is not None:
            self._complete(each, completed_text(each.text, each.feedback, answer))
        elif asked_ms >= each.deadline_ms:
            self._refuse(each, NO_REQUEST, f"the request log has no such request {self._wait_s:g} s after it came")
        else:
            # Ask less and less often, but once more at the deadline.
            later = asked_ms + max(AGAIN_MS_MIN, (asked_ms - each.since_ms) // 2)
            each.due_ms = min(later, each.deadline_ms)

    @property
    def _wait_s(self) -> float:
        return self._policy.enrich.wait_ms / 1000

    def _complete(self, each: _Item, value: bytes) -> None:
        if len(value) > self._bytes_max:
            self._refuse(each, "too_large", f"{len(value)} bytes with its context, allowed are {self._bytes_max}")
            return
        each.settled, each.complete = True, value

    def _refuse(self, each: _Item, reason: str, detail: str) -> None:
        each.settled = True
        self._rejects.append(
            Reject(position=each.position, item=each.item, reason=reason, detail=detail, value=each.text)
        )

    def settled(self) -> Settled:
        """Return, and forget, the next items that are decided, and what was refused meanwhile."""
        complete = []
        while self._items and self._items[0].settled:
            each = self._items.popleft()
            if each.complete is not None:
                complete.append(Complete(each.position, each.item, each.complete))
        rejects, self._rejects = self._rejects, []
        return Settled(complete=complete, rejects=rejects)
