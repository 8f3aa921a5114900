"""The rows of table `request`: thousands of events turned into columns at once.

Events are taken apart by `msgspec.structs.astuple`, and fields that no event has are skipped as whole columns, so that
an event costs little more here than its decoding.
"""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.archive.known_ids import KnownIds
from operators.archive.texts import Texts
from operators.arrays import Ints
from operators.ingest.formats.origin import Origin, ints_of
from operators.policy.policy import Policy
from operators.store.rows import Column, Ragged, Rows, same
from operators.wire.events import Request

FIELDS = Request.__struct_fields__
RANKS = 1 << 16  # So many logs can be told apart if an event stands in several at the same position.
POSITIONS = 1 << 46  # In a log; with the rank they make a version, which is one signed number.
_PLAIN = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "score")
_NAMES = ("trace_id", "team", "endpoint", "prompt_version", "error_type", "finish_reason")

Fields = dict[str, Sequence[Any]]  # By field, its values, one of each event.


class RowPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where some events stood: the `source`, its `rank` among logs, below RANKS, and the place of each event in it."""

    source: str
    rank: int
    position: Ints
    item: Ints


def row_place_of(source: str, rank: int, origin: Origin) -> RowPlace:
    """Return where the items that were decoded together stood."""
    message = origin.messages_of
    item = np.zeros(len(message), np.int64) if origin.item_of is None else ints_of(origin.item_of)
    return RowPlace(source=source, rank=rank, position=ints_of(origin.messages.positions)[message], item=item)


def request_rows(
    events: Sequence[Request], times: Ints, place: RowPlace, texts: Texts, ids: KnownIds, policy: Policy
) -> Rows:
    """Return a row for each event; `times` [Unix ms] are theirs, `ids` gives what is stored of user and session ids.

    All requests of versions that the policy of their model calls mirrored count as copies.
    """
    fields: Fields = dict(zip(FIELDS, zip(*map(msgspec.structs.astuple, events), strict=True), strict=True))
    count = len(events)
    redacted = [0] * count
    inputs, input_bytes = texts.column("input", fields["input"], redacted)
    outputs, output_bytes = texts.column("output", fields["output"], redacted)
    columns: dict[str, Column] = {
        "model": fields["model"],
        "version": fields["version"],
        "request_id": fields["request_id"],
        "ts": times,
        "attempt": _or(fields["attempt"], 0),
        "mirrored": _mirrored(fields, policy),
        "dims": _or(fields["slices"], {}),
        "session_id": ids.column(fields["session_id"]),
        "user_id": ids.column(fields["user_id"]),
        "prediction": texts.predictions(fields["prediction"], redacted),
        "metrics": _or(fields["metrics"], {}),
        "flags": _lists(fields["flags"]),
        "input": inputs,
        "output": outputs,
        "input_bytes": input_bytes,
        "output_bytes": output_bytes,
        "redacted": redacted,
        "source": same(place.source, count),
        "position": place.position,
        "item": place.item,
        "ver": _first(place),
    }
    columns |= {name: fields[name] for name in _PLAIN}
    columns |= {name: _or(fields[name], "") for name in _NAMES}
    columns |= _retrieval(fields["retrieval"]) | _tools(fields["tools"])
    return Rows(table="request", columns=columns, large=True)


def _first(place: RowPlace) -> Ints:
    """Return row versions that are larger the earlier an event stood: of duplicates the first one stays."""
    later = np.minimum(place.position, POSITIONS - 1)
    return (POSITIONS - 1 - later) * RANKS + (RANKS - 1 - place.rank)


def _or(column: Sequence[Any], default: Any) -> Column:
    """Return a column with `default`, an empty value, in place of None; most columns have no None, or only None."""
    if all(column):  # Five times as fast as looking for None.
        return column
    if not any(column):
        return same(default, len(column))
    return [value or default for value in column]


def _lists(column: Sequence[Sequence[Any] | None]) -> Column:
    if not any(column):
        return same([], len(column))
    return Ragged(flat=list(chain.from_iterable(filter(None, column))), offsets=_offsets(column))


def _offsets(column: Sequence[Sequence[Any] | None]) -> NDArray[np.int32]:
    offsets = np.zeros(len(column) + 1, np.int32)
    np.cumsum([len(value) if value else 0 for value in column], out=offsets[1:])
    return offsets


def _mirrored(fields: Fields, policy: Policy) -> Column:
    mirrored, names = fields["mirrored"], list(zip(fields["model"], fields["version"], strict=True))
    copies = {name for name in set(names) if _is_copy(*name, policy)}
    if not copies and not any(mirrored):
        return same(0, len(mirrored))
    return [int(copy or name in copies) for copy, name in zip(map(bool, mirrored), names, strict=True)]


def _is_copy(model: str, version: str, policy: Policy) -> bool:
    own = policy.of(model)
    return own is not None and any(fnmatchcase(version, each) for each in own.releases.mirrored)


def _retrieval(column: Sequence[Any]) -> dict[str, Column]:
    return _columns(
        column,
        {
            "retrieval_id": lambda each: each.id or "",
            "retrieval_score": lambda each: each.score,
            "retrieval_source": lambda each: each.source or "",
            "retrieval_version": lambda each: each.version or "",
        },
    )


def _tools(column: Sequence[Any]) -> dict[str, Column]:
    return _columns(
        column,
        {
            "tool_name": lambda each: each.name or "",
            "tool_ok": lambda each: None if each.ok is None else int(each.ok),
            "tool_latency_ms": lambda each: each.latency_ms,
        },
    )


def _columns(column: Sequence[Any], read: Mapping[str, Callable[[Any], Any]]) -> dict[str, Column]:
    """Return, by column, what is read of each entry of each event's list."""
    if not any(column):
        return {name: same([], len(column)) for name in read}
    flat, offsets = list(chain.from_iterable(filter(None, column))), _offsets(column)
    return {name: Ragged(flat=list(map(of, flat)), offsets=offsets) for name, of in read.items()}
