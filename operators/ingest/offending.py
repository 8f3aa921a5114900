"""The values of a chunk that break a contract, and the first of them for each pane, model and version."""

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import msgspec
import numpy as np

from operators.arrays import Floats, Ints, order_by, runs_of
from operators.ingest.event_times import EventTimes
from operators.policy.monitors import NOT_KEPT, Offender, Watched, Why
from operators.pseudonyms import Pseudonyms
from operators.window.offenders import OFFENDERS_MAX
from operators.wire.events import TEXT_MAX, as_text

WHY: tuple[Why, ...] = get_args(Why)
MISSING, UNSEEN, RANGE = 0, 1, 2


class ChunkContext(msgspec.Struct, frozen=True, kw_only=True):
    """Where n items belong, each (n,): `EventTimes`, and the numbers of model and version; their request ids.

    `rows` are the places of the items in question, None for all.
    """

    placed: EventTimes
    model: Ints
    version: Ints
    request_ids: Sequence[str]
    rows: Ints | None = None

    def at(self, rows: Ints | None) -> "ChunkContext":
        return msgspec.structs.replace(self, rows=rows)


def offenders_in(
    index: int,
    watched: Watched,
    column: Floats | Ints,
    values: Sequence[Any],
    place: ChunkContext,
    pseudonyms: Pseudonyms | None,
) -> Iterator[tuple[int, Offender]]:
    """Yield the offenders of a column with their places in the chunk, at least as many per group as are kept.

    `pseudonyms` replace their texts; None: texts stay.
    """
    why = _why(watched, column)
    found = np.flatnonzero(why >= 0)
    if not len(found):
        return
    rows = found if place.rows is None else place.rows[found]
    for at in _first(why[found], rows, place).tolist():
        row, value = int(rows[at]), values[int(found[at])]
        reason = WHY[int(why[found[at]])]
        text = text_of(value, reason, pseudonyms)
        yield row, Offender(index, reason, int(place.placed.time[row]), place.request_ids[row], text)


def text_of(value: Any, why: Why, pseudonyms: Pseudonyms | None) -> str:
    """Return a value as text, cut; if `pseudonyms` are given, the pseudonym of anything but a number."""
    if why == "missing":
        return ""
    text = _text_of(value)
    if pseudonyms is None or isinstance(value, (float, int)):
        return text
    return pseudonyms.of(text) or NOT_KEPT


def _text_of(value: Any) -> str:
    if isinstance(value, (msgspec.Raw, list, dict)):
        raw = value if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)
        return bytes(raw)[:TEXT_MAX].decode(errors="replace")
    if isinstance(value, bool):
        return as_text(value)
    return value[:TEXT_MAX] if isinstance(value, str) else f"{value:.12g}"


def _why(watched: Watched, column: Floats | Ints) -> Ints:
    """Return the index into WHY of each value, -1 where it does not offend."""
    if watched.is_number:
        outside = ~((column >= watched.low) & (column <= watched.high))  # NaN is outside, too, and mostly infinity.
        texts = np.isinf(column)
        if not outside.any() and not texts.any():
            return np.full(len(column), -1)
        return np.select([np.isnan(column), texts, outside], [MISSING, UNSEEN, RANGE], -1)
    missing = watched.bins - 2
    return np.select([column == missing, column > missing], [MISSING, UNSEEN], -1)


def _first(why: Ints, rows: Ints, place: ChunkContext) -> Ints:
    """Return the offenders that may be among the first of their groups: those with the first few times.

    An offender that came several times counts once.
    """
    placed = place.placed
    columns = (placed.closing, placed.late, placed.pane, place.model, place.version)
    groups = [why, *(column[rows] for column in columns)]
    times = placed.time[rows]
    order = order_by(*groups, times)
    ordered = [group[order] for group in groups]
    starts = np.flatnonzero(runs_of(*ordered))
    time = np.cumsum(runs_of(*ordered, times[order]))
    kept: Ints = order[time - np.repeat(time[starts], np.diff(starts, append=len(order))) < OFFENDERS_MAX]
    return kept
