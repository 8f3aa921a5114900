"""A reference profile from files of events and feedback: which items count, a sample of them, and the columns.

Memory is bounded whatever the size of the files: of the items that fit, those with the `sample` smallest hashes of
their request id are kept (bottom-k). That is a uniform sample of the requests, the same in any order and however the
files are cut, and it holds an event and its feedback alike. 100,000 of 400,000 events with 20 features took 7 s and 330
MB; their quantiles are within 0.5 % of rank of those of all.
"""

import hashlib
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from operators.arrays import Floats
from operators.connectors.files import FileReader
from operators.ingest.embeddings import embedding_bins
from operators.ingest.formats.native import Decoder
from operators.ingest.usable import UNDECODABLE
from operators.ingest.watched import ValueReader
from operators.policy.policy import EVENT_FIELDS, FEEDBACK_FIELDS
from operators.policy.watched import is_watchable
from operators.profiles.binning import Value, is_value
from operators.profiles.build import build
from operators.profiles.embedding import fit
from operators.profiles.profile import Centroids, Profile
from operators.wire.events import UNUSABLE, Event, Feedback, ms_of

SAMPLE = 100_000  # Events, and as many items of feedback.
FIELDS_MAX = 1_000  # More are most likely names that carry values.
ITEM_BYTES_MAX = 1 << 20
Progressed = Callable[[str, int], None]
Item = TypeVar("Item", Event, Feedback)
Columns = dict[str, Sequence[Value]]


class WrongReference(ValueError):
    """What was asked for gives no profile."""


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
    """How many items were read, how many of them fit, were refused, and are in the sample."""

    read: int = 0
    fit: int = 0
    refused: int = 0
    sampled: int = 0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are those to keep, all where none is named; `clusters` of the embeddings, None for no centroids."""

    fields: tuple[str, ...] = ()
    bins: int = 10
    clusters: int | None = None
    sample: int = SAMPLE


def profile_of(
    events: Sequence[Path], feedback: Sequence[Path], wanted: Wanted, options: Options, progressed: Progressed
) -> tuple[Profile, Counted]:
    """Return the profile of files. WrongReference; OSError if a file cannot be read."""
    for path in (*events, *feedback):
        path.open("rb").close()  # Better now than after an hour.
    counted = Counted()
    asked = _sampled(_items(events, Event, wanted, counted, progressed), options.sample)
    answered = _sampled(_items(feedback, Feedback, wanted, counted, progressed), options.sample)
    counted.sampled = len(asked) + len(answered)
    if not counted.sampled:
        raise WrongReference(f"none of {counted.read} items fits: see --model, --version, --from and --until")
    columns = _chosen(_columns(asked, answered), options.fields)
    centroids = None if options.clusters is None else _centroids(asked, options.clusters)
    try:
        return build(columns, options.bins, centroids), counted
    except ValueError as error:
        raise WrongReference(str(error)) from error


def _items(
    paths: Iterable[Path], kind: type[Item], wanted: Wanted, counted: Counted, progressed: Progressed
) -> Iterator[Item]:
    decoder = Decoder(kind, ITEM_BYTES_MAX)
    for path in paths:
        reader = FileReader(path, ITEM_BYTES_MAX, int(time.time() * 1000), partial(progressed, str(path)))
        try:
            while (messages := reader.read()) is not None:
                items, _, rejects = decoder.decode(messages)
                kept = [item for item in items if wanted.takes(item)]
                counted.read += len(items) + len(rejects)
                counted.refused += len(rejects)
                counted.fit += len(kept)
                yield from kept
        finally:
            reader.close()


def _sampled(items: Iterable[Item], size: int) -> list[Item]:
    """Return the items with the smallest hashes, in order of those; of equal request ids either all or none."""
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
    """Keep the `size` smallest; return the limit that those beyond do not come below."""
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


def _columns(events: Sequence[Event], feedback: Sequence[Feedback]) -> Columns:
    """Return every field that can be watched and has a value, read as the job will read it."""
    columns: Columns = {}
    reader = ValueReader(events)
    for name in (*EVENT_FIELDS, "prediction", *_names(events)):
        columns[name] = reader.values(name)
    for name in FEEDBACK_FIELDS:
        columns[name] = ValueReader([item for item in feedback if f"feedback.{item.kind}" == name]).values(name)
    some = {
        name: values
        for name, values in columns.items()
        if any(value is not None and is_value(value) for value in values)
    }
    return {name: values for name, values in some.items() if is_watchable(name)}


def _names(events: Sequence[Event]) -> list[str]:
    """Return the features, metrics and flags that occur."""
    features = {f"features.{name}" for event in events for name in event.features or ()}
    metrics = {f"metrics.{name}" for event in events for name in event.metrics or ()}
    names = features | metrics | {f"flags.{flag}" for event in events for flag in event.flags or () if flag != UNUSABLE}
    if len(names) > FIELDS_MAX:
        raise WrongReference(f"{len(names)} different fields, allowed are {FIELDS_MAX}: do their names carry values?")
    return sorted(names)


def _chosen(columns: Columns, fields: Sequence[str]) -> Columns:
    for field in fields:
        if field not in columns:
            known = ", ".join(columns) or "none"
            raise WrongReference(f"--field {field}: no item has it; there are {known}")
    return {field: columns[field] for field in fields or columns}


def _centroids(events: Sequence[Event], clusters: int) -> Centroids:
    """Return the centroids of the embeddings of the most frequent length, and how many of all lie nearest to each."""
    vectors = [_vector(event.embedding) for event in events]
    lengths = np.bincount([len(vector) for vector in vectors], minlength=1)
    lengths[0] = 0
    if not lengths.any():
        raise WrongReference(f"--embedding: none of {len(events)} events has one")
    fitted = fit(np.stack([vector for vector in vectors if len(vector) == int(lengths.argmax())]), clusters)
    bins = embedding_bins(fitted, [event.embedding for event in events])
    return msgspec.structs.replace(fitted, counts=tuple(np.bincount(bins, minlength=len(fitted.centres) + 2).tolist()))


def _vector(raw: msgspec.Raw) -> Floats:
    """Return an embedding, an empty one where there is none or it is broken."""
    try:
        vector = np.array(msgspec.json.decode(raw, type=list[float] | None) or (), float)
    except UNDECODABLE:
        return np.zeros(0)
    return vector if np.isfinite(vector).all() else np.zeros(0)
