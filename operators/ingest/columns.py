"""Typed items to NumPy columns: the last place where Python touches single events.

Every number is a float64 column in which NaN means absent; a failed event's latency of zero is no latency.
"""

from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.ingest.chains import chained_slis, chains_of
from operators.ingest.event_times import EventTimes
from operators.ingest.fields import FEEDBACK, LATENCIES, READERS, is_feedback, of_kind_name
from operators.ingest.formats.format import Stream
from operators.ingest.offending import ChunkContext
from operators.ingest.slis.kind import Read
from operators.ingest.slis.registry import sli_kind_of
from operators.ingest.watched import WatchedBuilder, WatchedColumns
from operators.policy.policy import REPEATED, Policy
from operators.pseudonyms import Pseudonyms
from operators.window.partial import LeafSeries, sum_by_key
from operators.window.samples import Sample
from operators.wire.events import Event, Feedback, ms_of
from operators.wire.mirrored import Mirrors, is_mirrored, mirrored

REQUESTED = "requested"  # Column of when the request of a label was made, Unix ms.


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """n items of one stream: `series` (n,) index into `names`; `errors` (n,) into `error_types`, 0 is none.

    `numbers` are float columns (n,): one per field that the policy names; for feedback also, under
    `of_kind_name(field)`, 1 where the item is of the field's kind, and REQUESTED; and what kinds of SLIs need besides
    (`slis/`). There is no negative zero: it equals zero, so which of the two is the smallest would depend on the order
    of items.
    `chain` and `event` (n,) are hashes of each event's chain, 0 for none, and its own (`chains.py`), where compared.
    `samples` are requests that people may be shown, with their places.
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


class _Index(dict[str, int]):
    """Numbers keys in order of first appearance."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


class ColumnsBuilder:
    """Collects the columns of one batch chunk by chunk, so that the decoded items can be dropped early."""

    def __init__(self, stream: Stream, policy: Policy, pseudonyms: Pseudonyms = Pseudonyms()) -> None:  # noqa: B008  # Frozen.
        self.stream = stream
        self.policy = policy
        # Of the model, the version and each dimension. Several small indices stay in the processor's caches
        # where one of whole series does not.
        self._indices = [_Index() for _ in range(2 + len(policy.dimensions))]
        self._error_types = _Index({"": 0})
        self._mirrors = Mirrors(policy.releases.mirrored)
        self._chunks: list[tuple[list[Ints], Ints, dict[str, Floats]]] = []
        self._fields = [field for field in fields_of(policy) if is_feedback(field) == (stream == "feedback")]
        self._watched = WatchedBuilder(on_feedback=stream == "feedback", policy=policy, pseudonyms=pseudonyms)
        self._chained = chained_slis(policy)
        self._chains: list[tuple[Ints, Ints]] = []
        self._of_slis: dict[str, Read] = {}
        for sli in policy.slis:
            if sli.on_feedback == (stream == "feedback"):
                self._of_slis |= sli_kind_of(sli).columns(sli)

    def add_events(self, events: Sequence[Event], placed: EventTimes, parts: Sequence[Ints] | None = None) -> None:
        """Take the numbers and names that this policy needs out of some events; `parts` where they are known."""
        index = self._error_types
        errors = np.array([index[kind] if kind else 0 for kind in [e.error_type for e in events]], np.int64)
        numbers = {field: _numbers(events, field) for field in self._fields}
        for field in LATENCIES:
            if field in numbers and errors.any():
                numbers[field][(errors > 0) & (numbers[field] == 0)] = np.nan
        numbers |= {name: read(events) for name, read in self._of_slis.items()}
        if self._chained:
            self._chains.append(chains_of(events))
        self._add(events, placed, errors, numbers, parts)

    def add_feedback(
        self,
        items: Sequence[Feedback],
        placed: EventTimes,
        parts: Sequence[Ints] | None = None,
        repeated: NDArray[np.bool_] | None = None,
    ) -> None:
        """Take some feedback with context (model and version); of what is `repeated` a criterion was judged before."""
        # What a judge said while it was not to be believed is no value.
        values = np.array([np.nan if item.standing else _number(item.value) for item in items], float)
        kinds = [item.kind for item in items]
        numbers = {REQUESTED: np.array([_requested(item.request_ts) for item in items], float)}
        numbers[REPEATED] = np.zeros(len(items)) if repeated is None else repeated.astype(float)
        numbers |= {name: read(items) for name, read in self._of_slis.items()}
        for field in self._fields:
            of_kind = np.array([kind == field.removeprefix(FEEDBACK) for kind in kinds], bool)
            numbers[field] = np.where(of_kind, values, np.nan)
            numbers[of_kind_name(field)] = of_kind.astype(float)
        self._add(items, placed, np.zeros(len(items), np.int64), numbers, parts)

    def _add(
        self,
        items: Sequence[Event] | Sequence[Feedback],
        placed: EventTimes,
        errors: Ints,
        numbers: dict[str, Floats],
        parts: Sequence[Ints] | None,
    ) -> None:
        parts = self.parts(items) if parts is None else list(parts)
        self._chunks.append((parts, errors, numbers))
        if self._watched.fields:
            ids = [item.request_id for item in items]
            self._watched.add(items, ChunkContext(placed=placed, model=parts[0], version=parts[1], request_ids=ids))

    def last(self) -> Columns:
        """Return the columns of what was added last, without the names of its series."""
        parts, errors, numbers = self._chunks[-1]
        return Columns(
            stream=self.stream,
            names=(),
            series=parts[0],
            error_types=list(self._error_types),
            errors=errors,
            numbers=numbers,
        )

    def build(self) -> Columns:
        """Return the columns of everything added, in order."""
        parts, errors, numbers = zip(*self._chunks, strict=True) if self._chunks else ((), (), ())
        names, series = self._series([np.concatenate(part) for part in zip(*parts, strict=True)])
        return Columns(
            stream=self.stream,
            names=names,
            series=series,
            error_types=list(self._error_types),
            errors=np.concatenate([np.zeros(0, np.int64), *errors]),
            numbers={name: np.concatenate([chunk[name] for chunk in numbers]) + 0.0 for name in (numbers or [{}])[0]},
            watched=self._watched.build(),
            chain=np.concatenate([np.zeros(0, np.int64), *(chain for chain, _ in self._chains)]),
            event=np.concatenate([np.zeros(0, np.int64), *(event for _, event in self._chains)]),
        )

    def _series(self, parts: Sequence[Ints]) -> tuple[list[LeafSeries], Ints]:
        """Number the combinations of parts that occur."""
        if not parts:
            return [], np.zeros(0, np.int64)
        keys = np.zeros(len(parts[0]), np.int64)
        for index, part in zip(self._indices, parts, strict=True):
            keys = keys * len(index) + part
        distinct, _ = sum_by_key(keys)
        series = np.searchsorted(distinct, keys)
        columns = []
        for index in reversed(self._indices):
            distinct, codes = np.divmod(distinct, max(len(index), 1))
            texts = list(index)
            columns.append([texts[code] for code in codes.tolist()])
        model, version, *values = reversed(columns)
        rest = zip(*values, strict=True) if values else (() for _ in model)
        return [LeafSeries(*name) for name in zip(model, version, rest, strict=True)], series

    def names(self, part: int) -> list[str]:
        """Return what the numbers of a part stand for."""
        return list(self._indices[part])

    def parts(self, items: Sequence[Event] | Sequence[Feedback]) -> list[Ints]:
        """Number the model, version and dimension values of each item, each part in its own index."""
        slices: list[dict[str, str]] = [item.slices or {} for item in items]
        texts = [
            [item.model or "" for item in items],
            self._versions(items),
            *(_values(slices, name) for name in self.policy.dimensions),
        ]
        return [
            np.fromiter(map(index.__getitem__, part), np.int64, len(part))
            for index, part in zip(self._indices, texts, strict=True)
        ]

    def _versions(self, items: Sequence[Event] | Sequence[Feedback]) -> list[str]:
        """Return the version that each item is counted under: copies of requests apart from requests."""
        versions = [item.version or "" for item in items]
        if self.policy.releases.mirrored:
            versions = [self._mirrors[version] for version in versions]
        copies = [item.mirrored for item in items]
        if any(copies):
            for index, copy in enumerate(copies):
                if copy and versions[index] and not is_mirrored(versions[index]):
                    versions[index] = mirrored(versions[index])
        return versions


def times_of(values: Sequence[int | datetime]) -> Ints:
    """Return Unix ms, shape (n,), of times as decoded; fractions of a millisecond are cut off."""
    try:
        return np.frombuffer(array("q", cast(Sequence[int], values)), np.int64)
    except TypeError:
        return np.array([ms_of(value) for value in values], np.int64)


def fields_of(policy: Policy) -> list[str]:
    """Return every numeric field that a measure or an SLI of the policy reads, each once."""
    named = [measure.name for measure in policy.measures] + [field for sli in policy.slis for field in sli.fields]
    return list(dict.fromkeys(named))


def _values(slices: Sequence[dict[str, str]], name: str) -> list[str]:
    try:
        return [known[name] for known in slices]  # Three times as fast as `get`.
    except KeyError:
        return [known.get(name, "") for known in slices]


def _numbers(events: Sequence[Event], field: str) -> Floats:
    if field.startswith("metrics."):
        name = field.removeprefix("metrics.")
        return np.array([(event.metrics or {}).get(name) for event in events], float)
    return np.array(READERS[field](events), float)


def _number(value: object) -> float:
    """A number, true as 1 and false as 0; anything else is no number."""
    return float(value) if isinstance(value, (int, float)) else np.nan


def _requested(value: int | datetime | None) -> float:
    return np.nan if value is None else float(ms_of(value))
