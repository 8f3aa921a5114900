"""Typed items to NumPy columns, chunk by chunk.

Every number is a float64 column in which NaN means absent; a failed event's latency of zero counts as absent.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints, concatenated, joined_columns
from operators.ingest.again import DecodedAgain, Items
from operators.ingest.chains import chained_labels, chained_slis, label_chains_of
from operators.ingest.event_reader import EventReader
from operators.ingest.event_times import EventTimes
from operators.ingest.fields import LATENCIES, is_feedback, kind_and_name, of_kind_name
from operators.ingest.formats.format import Stream
from operators.ingest.id_hashes import with_key
from operators.ingest.numbering import Numbering
from operators.ingest.offending import ChunkContext
from operators.ingest.packed import PackError, packed_ints
from operators.ingest.parts import Parts
from operators.ingest.read_events import ReadEvents
from operators.ingest.slis.kind import Read
from operators.ingest.slis.registry import sli_kind_of
from operators.ingest.watched import WatchedBuilder, WatchedColumns
from operators.policy.measures import REPEATED
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.window.chains import ATTEMPTS_MAX
from operators.window.leaf_index import LeafSeries
from operators.window.samples import Sample
from operators.wire.events import UNFAIR, Feedback, ms_of

REQUESTED = "requested"  # The column of the request times of labels, Unix ms.


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """n items of one stream: `series` (n,) index into `names`; `errors` (n,) into `error_types`, 0 is none.

    `numbers` are float columns (n,): one per field that the policy names; for feedback also REQUESTED and, under
    `of_kind_name(field)`, 1 where the item is of the field's kind; and the further columns of kinds of SLIs (`slis/`).
    There is no negative zero: it equals zero, so which of the two is the smallest would depend on the order of items.
    `chain` and `event` (n,) are hashes of each event's chain, 0 for none, and its own (`chains.py`), where compared.
    `samples` are requests to show to people, with their places.
    """

    stream: Stream
    names: Sequence[LeafSeries]
    series: Ints
    error_types: Sequence[str]
    errors: Ints
    numbers: dict[str, Floats]
    watched: WatchedColumns = WatchedColumns()
    chain: Ints = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    event: Ints = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))
    samples: Sequence[tuple[int, Sample]] = ()


class ColumnsBuilder:
    """Collects the columns of one batch chunk by chunk, so that decoded items can be dropped early."""

    def __init__(self, stream: Stream, policy: Policy, pseudonyms: Pseudonyms = Pseudonyms()) -> None:  # noqa: B008  # Frozen.
        self.stream = stream
        self.policy = policy
        self.parts = Parts(policy)
        self.error_types = Numbering({"": 0})
        self._chunks: list[tuple[list[Ints], Ints, dict[str, Floats]]] = []
        self._fields = [field for field in fields_of(policy) if is_feedback(field) == (stream == "feedback")]
        self._watched = WatchedBuilder(on_feedback=stream == "feedback", policy=policy, pseudonyms=pseudonyms)
        self._chained = chained_slis(policy) if stream == "events" else chained_labels(policy)
        self._chains: list[tuple[Ints, Ints]] = []
        self._sampling = pseudonyms.sampling
        self._of_slis: dict[str, Read] = {}
        for sli in policy.slis:
            if sli.on_feedback == (stream == "feedback"):
                self._of_slis |= sli_kind_of(sli).columns(sli)
        self.reader = EventReader(policy, self.parts, self.error_types, self._fields, self._of_slis)

    def add_events(self, read: ReadEvents, items: Items, placed: EventTimes) -> None:
        """Take the kept events as read; watched fields are read from `items`, the events themselves."""
        errors, numbers = read.errors, dict(read.numbers)
        for field in LATENCIES:
            if field in numbers and errors.any():
                numbers[field] = np.where((errors > 0) & (numbers[field] == 0), np.nan, numbers[field])
        if self._chained:
            self._chains.append((read.chain, read.event))
        self._add(items, placed, errors, numbers, read.parts)

    def add_feedback(
        self,
        items: Sequence[Feedback],
        placed: EventTimes,
        parts: Sequence[Ints],
        repeated: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take some feedback with context (model and version); the criterion of `repeated` ones was judged before."""
        if self._chained:
            self._chains.append(label_chains_of(items))
        # A judge's value from a time when it was not trusted does not count.
        values = np.array([np.nan if item.standing else _number(item.value) for item in items], float)
        of_fields = {field: self._of_field(field, items) for field in self._fields}
        numbers = {REQUESTED: np.array([_requested(item.request_ts) for item in items], float)}
        numbers[REPEATED] = np.zeros(len(items)) if repeated is None else repeated.astype(float)
        numbers |= {name: read(items) for name, read in self._of_slis.items()}
        for field, of_kind in of_fields.items():
            numbers[field] = np.where(of_kind, values, np.nan)
            numbers[of_kind_name(field)] = of_kind.astype(float)
        self._add(items, placed, np.zeros(len(items), np.int64), numbers, parts)

    @staticmethod
    def _of_field(field: str, items: Sequence[Feedback]) -> NDArray[np.bool_]:
        """Return which feedback a field is on, without samples that would weigh too much (`UNFAIR`)."""
        kind, name = kind_and_name(field)
        return np.array(
            [item.kind == kind and (not name or item.name == name) and item.sample not in UNFAIR for item in items],
            bool,
        )

    def _add(
        self,
        items: Items,
        placed: EventTimes,
        errors: Ints,
        numbers: dict[str, Floats],
        parts: Sequence[Ints],
    ) -> None:
        self._chunks.append((list(parts), errors, numbers))
        if self.watches and not isinstance(items, DecodedAgain):
            ids = [item.request_id for item in items]
            self._watched.add(items, ChunkContext(placed=placed, model=parts[0], version=parts[1], request_ids=ids))

    @property
    def watches(self) -> bool:
        """Whether fields are watched: they are read from the items themselves, once these are placed."""
        return self._watched.fields > 0

    def last(self) -> Columns:
        """Return the columns of the last items added; without their series, unless some SLI is about slices."""
        parts, errors, numbers = self._chunks[-1]
        sliced = any(sli.places for sli in self.policy.slis)
        names, series = self.parts.series(parts) if sliced else ((), parts[0])
        return Columns(
            stream=self.stream,
            names=names,
            series=series,
            error_types=list(self.error_types),
            errors=errors,
            numbers=numbers,
        )

    def build(self) -> Columns:
        """Return the columns of everything added, in order."""
        parts, errors, numbers = zip(*self._chunks, strict=True) if self._chunks else ((), (), ())
        names, series = self.parts.series([joined_columns(part) for part in zip(*parts, strict=True)])
        codes = joined_columns(errors)
        used = np.bincount(codes, minlength=len(self.error_types)) > 0  # The others are of items that were not kept.
        used[0] = True
        chain = joined_columns([chain for chain, _ in self._chains])
        event = joined_columns([event for _, event in self._chains])
        return Columns(
            stream=self.stream,
            names=names,
            series=series,
            error_types=[name for name, is_used in zip(self.error_types, used.tolist(), strict=True) if is_used],
            errors=(np.cumsum(used) - 1)[codes],
            numbers={name: _joined_numbers([chunk[name] for chunk in numbers]) for name in (numbers or [{}])[0]},
            watched=self._watched.build(),
            chain=with_key(chain, self._sampling),
            event=with_key(event, self._sampling, ATTEMPTS_MAX),
        )


def times_of(values: Sequence[int | datetime]) -> Ints:
    """Return Unix ms, shape (n,), of times as decoded; fractions of a millisecond are cut off."""
    try:
        return packed_ints(values)
    except PackError:
        return np.array([ms_of(value) for value in values], np.int64)


def fields_of(policy: Policy) -> list[str]:
    """Return every numeric field that a measure or an SLI of the policy reads, each once."""
    named = [measure.name for measure in policy.measures if not measure.retired] + [
        field for sli in policy.slis for field in sli.fields
    ]
    return list(dict.fromkeys(named))


def _joined_numbers(columns: Sequence[Floats]) -> Floats:
    """Return columns one after the other, without a negative zero."""
    return concatenated(columns) + 0.0


def _number(value: object) -> float:
    """A number, true as 1 and false as 0; anything else is no number."""
    return float(value) if isinstance(value, (int, float)) else np.nan


def _requested(value: int | datetime | None) -> float:
    return np.nan if value is None else float(ms_of(value))
