"""The items of a reference profile: which items of files count, and a sample of them.

Memory is bounded whatever the size of the files: of the items that fit, those with the smallest hashes of their request
id are kept (bottom-k). That is a uniform sample of the requests, independent of the order and division of the files,
and it keeps an event together with its feedback.
"""

import hashlib
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from operators.connectors.files import FileReader
from operators.connectors.tabular import TableReader, is_table
from operators.ingest.formats.native import Decoder
from operators.wire.events import Event, Feedback, ms_of

ITEM_BYTES_MAX = 1 << 20
Progressed = Callable[[str, int], None]
Item = TypeVar("Item", Event, Feedback)


class WrongReference(ValueError):
    """The input gives no profile."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which items: of these models and versions (all, where none is named), `start` <= ts < `end` [Unix ms]."""

    models: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    start: int | None = None
    end: int | None = None

    def takes(self, item: Event | Feedback) -> bool:
        if (self.models and item.model not in self.models) or (self.versions and item.version not in self.versions):
            return False
        ts = ms_of(item.ts)
        return (self.start is None or ts >= self.start) and (self.end is None or ts < self.end)


class Counted(msgspec.Struct, kw_only=True):
    """How many items were read, fit, were refused (with the first reason), and are in the sample.

    `unusable`: by field, the number of items where it was left out. `notes`: what is odd, in words.
    """

    read: int = 0
    fit: int = 0
    refused: int = 0
    why: str = ""
    sampled: int = 0
    unusable: Counter[str] = msgspec.field(default_factory=Counter)
    notes: list[str] = []


class Items(NamedTuple):
    """A sample of items, each list in the order of hashes of its request ids."""

    events: Sequence[Event]
    feedback: Sequence[Feedback]


def items_of(
    paths: Iterable[Path],
    kind: type[Item],
    wanted: Wanted,
    counted: Counted,
    progressed: Progressed,
    texts: Collection[str] = (),
) -> Iterator[Item]:
    """Yield the items of files that fit; `texts` are columns of CSV files that are read as they are written."""
    decoder = Decoder(kind, ITEM_BYTES_MAX)
    for path in paths:
        reader = _reader(path, partial(progressed, str(path)), texts)
        try:
            while (messages := reader.read()) is not None:
                items, origin, rejects = decoder.decode(messages)
                kept = [item for item in items if wanted.takes(item)]
                counted.read += len(items) + len(rejects)
                counted.refused += len(rejects)
                counted.why = counted.why or next((f"{each.reason}: {each.detail}" for each in rejects), "")
                counted.fit += len(kept)
                counted.unusable.update(origin.unusable)
                yield from kept
        finally:
            reader.close()


def _reader(path: Path, advanced: Callable[[int], None], texts: Collection[str]) -> FileReader | TableReader:
    now_ms = int(time.time() * 1000)
    if is_table(path):
        return TableReader(path, now_ms, advanced, texts)
    return FileReader(path, ITEM_BYTES_MAX, now_ms, advanced)


def sampled(items: Iterable[Item], size: int) -> list[Item]:
    """Return the items with the smallest hashes, in that order; of equal request ids either all or none."""
    kept: list[tuple[int, Item]] = []
    limit = 1 << 64
    for item in items:
        place = _hash(item.request_id)
        if place < limit:
            kept.append((place, _let_go(item)))
            if len(kept) >= size + size // 4:
                limit = _cut(kept, size)
    _cut(kept, size)
    return [item for _, item in kept]


def _cut(kept: list[tuple[int, Item]], size: int) -> int:
    """Keep the `size` smallest; return a lower limit of the others' hashes."""
    kept.sort(key=lambda pair: (pair[0], ms_of(pair[1].ts)))
    if len(kept) <= size:
        return 1 << 64
    limit = kept[size][0]
    del kept[bisect_left(kept, limit, key=itemgetter(0)) :]
    return limit


def _hash(request_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest(), "big")


def _let_go(item: Item) -> Item:
    """Drop what is not needed: undecoded fields hold on to the whole block that they were read with."""
    if isinstance(item, Event):
        item.input = item.output = msgspec.Raw(b"")
        item.embedding = msgspec.Raw(bytes(item.embedding))
    return item
