"""Is too much of a partition refused? Judged block by block of its messages, wherever batches are cut.

One broken producer must not stop rollguard for everybody else: its items become dead letters, all else goes on, and
people are told, with hints at who it is. A replay may be stopped instead.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np

from operators.ingest.formats.origin import Reject, ints_of
from operators.ingest.usable import UNDECODABLE
from operators.policy.dead_letters import DeadLetters
from operators.texts import cut
from operators.wire.control import Notice

HINTS_MAX = 100  # Producers told apart in one block.
HINTS_SHOWN = 3
HINT_MAX = 64  # Characters of each part.
UNREADABLE = "unreadable"


class TooManyRejects(Exception):
    """A producer is broken: reading on would drain its topic into the dead letters."""

    def __init__(self, source: str, refused: int, messages: int, share_max: float, last: str) -> None:
        super().__init__(
            f"{source}: {refused} of {messages} messages were refused, allowed is a share of {share_max} "
            f"(dead_letters.share_max); the last one, at {last}"
        )


class _Producer(msgspec.Struct):
    """The fields of an item that may tell its sender."""

    team: object = None
    endpoint: object = None
    model: object = None


class RefusedShare(msgspec.Struct, kw_only=True):
    """The block under way: its `messages`, how many were `refused` (something in them was), where `last` and why.

    `hints` count refused items by who seems to have sent them. `announced` says that people were told; `blocks` counts
    those that ended.
    """

    messages: int = 0
    refused: int = 0
    last: str = ""
    hints: dict[str, int] = {}
    blocks: int = 0
    announced: bool = False

    def take(
        self, source: str, positions: Sequence[int], rejects: Sequence[Reject], limits: DeadLetters
    ) -> list[tuple[int, Notice]]:
        """Take messages by position, and the rejects of them in order.

        Return notices for people, each with the index of its message. TooManyRejects where the policy says to stop.
        """
        places = np.searchsorted(ints_of(positions), [reject.position for reject in rejects])
        notices: list[tuple[int, Notice]] = []
        start = 0
        while start < len(positions):
            stop = min(start + limits.block - self.messages, len(positions))
            self.messages += stop - start
            if rejects:
                first, last = np.searchsorted(places, (start, stop)).tolist()
                self.refused += len(np.unique(places[first:last]))
                self._note(rejects[first:last])
            if self.messages == limits.block:
                notice = self._notice(source, limits)
                notices += [] if notice is None else [(stop - 1, notice)]
                self.messages, self.refused, self.hints = 0, 0, {}
            start = stop
        return notices

    def _note(self, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        last = rejects[-1]
        self.last = f"{last.position}: {last.reason}: {last.detail}"
        hints = Counter(self.hints)
        for reject in rejects:
            hint = hint_of(reject.value)
            hints[hint if hint in hints or len(hints) < HINTS_MAX else "others"] += 1
        self.hints = dict(hints)

    def _notice(self, source: str, limits: DeadLetters) -> Notice | None:
        self.blocks += 1
        over = self.refused > limits.share_max * limits.block
        if over and limits.on_refused == "stop":
            raise TooManyRejects(source, self.refused, limits.block, limits.share_max, self.last)
        if over == self.announced:
            return None
        self.announced = over
        most = sorted(self.hints.items(), key=lambda item: (-item[1], item[0]))[:HINTS_SHOWN]
        what = f"{self.refused} of {self.messages} messages were refused"
        if over:
            hints = ", ".join(f"{hint}: {count} items" for hint, count in most)
            what += f"; sent by {hints}; the last one, at {self.last}"
        return Notice(
            kind="refused",
            source=source,
            number=self.blocks,
            severity="page" if over else None,
            bad=self.refused,
            n=self.messages,
            share_max=limits.share_max,
            what=what,
        )


def hint_of(value: bytes) -> str:
    """Return who seems to have sent a refused item, as far as it can be read.

    >>> hint_of(b'{"team": "search", "model": "m", "ts": "x"}'), hint_of(b"{}"), hint_of(b"x")
    ('team search, model m', 'nobody named', 'unreadable')
    """
    try:
        producer = msgspec.json.decode(value, type=_Producer)
    except UNDECODABLE:
        return UNREADABLE
    named = [(name, getattr(producer, name)) for name in _Producer.__struct_fields__]
    return ", ".join(f"{name} {cut(text, HINT_MAX)}" for name, text in named if isinstance(text, str)) or "nobody named"
