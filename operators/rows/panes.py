"""Panes as rows of sli_pane, outcome_pane, measure_pane and sli_cohort: one row per finest series and name.

Panes at the finest grain merge in SQL to any slice and any range: ratios from sums, quantiles from buckets.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.policy.sli import by_cohorts
from operators.rows.cohorts import cohort_counts, cohort_rows
from operators.rows.small import small_together
from operators.rows.stacked_parts import stacked_parts
from operators.stats.histogram import GAMMA
from operators.store.rows import Coded, Column, Ragged, Rows
from operators.window.pane_items import Closed
from operators.window.pane_lengths import Leftover
from operators.window.partial import BAD, GOOD, HI, LO, MAX, NEG_MIN, NEITHER, N, Partial, cell_rows
from operators.window.series_index import described
from operators.window.sums import LIMB_BITS

DECIMAL_DIGITS = 9  # measure_pane.sum has so many digits after the point.


def pane_rows(closed: Closed, policy: Policy) -> list[Rows]:
    """Return the rows that are stored when a pane closes: of late items, and of models past the limit.

    They include its additions to cohorts of requests. All else is stored with a pane of the store (`stored_rows`).
    """
    rows = []
    for part in (closed.rest, closed.late):
        if part is not None:
            rows += _rows(part, _Keys(part, closed.pane, policy.pane_ms, policy), policy)
    parts = (closed.on_time, closed.rest, closed.late) if by_cohorts(policy.slis) else ()
    for part in parts:
        if part is not None:
            keys = _Keys(part, closed.pane, policy.pane_ms, policy)
            added, counts = cohort_counts(part, policy)
            rows.append(cohort_rows(part, keys.of(added[:, 0]), added, counts, policy))
    return [some for some in rows if len(some)]


def leftover_rows(left: Leftover, policy: Policy) -> list[Rows]:
    """Return the rows of the remains of a pane of another length."""
    then = msgspec.structs.replace(policy, pane_ms=left.pane_ms, stored_ms=None)
    if left.counted:
        return [] if left.on_time is None else stored_rows(left.on_time, then)
    return pane_rows(Closed(pane=left.pane, rest=left.on_time, late=left.late), then)


def stored_rows(part: Partial, policy: Policy) -> list[Rows]:
    """Return the rows of a pane of the store, of what came in on time; the rows of `part` have the pane's number."""
    keys = _Keys(part, 0, policy.stored_ms or policy.pane_ms, policy)
    return [some for some in _rows(part, keys, policy) if len(some)]


def rows_of_stored(parts: Sequence[Partial], policy: Policy) -> list[Rows]:
    """Return what `stored_rows` does of each part; rows of neighbouring small parts are made at once."""
    together = small_together(parts, lambda part: part.rows)
    return [made for some in together for made in stored_rows(stacked_parts(some), policy)]


def _rows(part: Partial, keys: "_Keys", policy: Policy) -> list[Rows]:
    return [_sli_rows(part, keys, policy), _outcome_rows(part, keys), _measure_rows(part, keys, policy)]


class _Keys:
    """The columns for the series, pane and lateness of each row."""

    def __init__(self, part: Partial, pane: int, pane_ms: int, policy: Policy) -> None:
        series = list(part.series)
        described_series = [described(policy.dimensions, name.values) for name in series]
        self._series: dict[str, list[Any]] = {
            "model": [name.model for name in series],
            "version": [name.version for name in series],
            "slice": [text for text, _ in described_series],
            "dims": [dims for _, dims in described_series],
        }
        self._part = part
        self._arrival = pane * pane_ms  # Of late items.
        self._pane_ms = pane_ms

    def of(self, row: Ints) -> dict[str, Column]:
        """Return the columns for some rows of the partial."""
        which = self._part.which[row]
        late = self._part.late[row]
        start = self._part.pane[row] * self._pane_ms
        named: dict[str, Column] = {name: Coded(values=v, codes=which) for name, v in self._series.items()}
        return named | {
            "pane_start": start,
            "pane_ms": np.full(len(row), self._pane_ms),
            "late": late,
            "arrival": np.where(late == 1, self._arrival, start),
        }


def _sli_rows(part: Partial, keys: _Keys, policy: Policy) -> Rows:
    row, sli = np.nonzero(part.slis.any(axis=2))
    counts = part.slis[row, sli]
    return Rows(
        table="sli_pane",
        columns=keys.of(row)
        | {
            "sli": Coded(values=[known.name for known in policy.slis], codes=sli),
            "good": counts[:, GOOD],
            "bad": counts[:, BAD],
            "neither": counts[:, NEITHER],
            "ver": counts.sum(axis=1),
        },
    )


def _outcome_rows(part: Partial, keys: _Keys) -> Rows:
    row, code, count = part.outcomes.T
    return Rows(
        table="outcome_pane",
        columns=keys.of(row) | {"error_type": Coded(values=part.error_types, codes=code), "n": count, "ver": count},
    )


def _measure_rows(part: Partial, keys: _Keys, policy: Policy) -> Rows:
    row, measure = np.nonzero(part.sums[:, :, N])
    sums = part.sums[row, measure]
    extremes = part.extremes[row, measure]
    cell_pairs, codes, counts = cell_rows(part.cells)
    pairs = row * part.sums.shape[1] + measure
    offsets = np.append(np.searchsorted(cell_pairs, pairs), len(codes))
    return Rows(
        table="measure_pane",
        columns=keys.of(row)
        | {
            "measure": Coded(values=[known.name for known in policy.measures], codes=measure),
            "n": sums[:, N],
            "sum": _decimals(sums, _digits(policy)[measure]),
            "min": -extremes[:, NEG_MIN],
            "max": extremes[:, MAX],
            "gamma": np.full(len(row), GAMMA),
            "buckets": Ragged(flat=codes.astype(np.int16), offsets=offsets),
            "counts": Ragged(flat=counts.astype(np.uint32), offsets=offsets),
            "ver": sums[:, N],
        },
    )


def _digits(policy: Policy) -> Ints:
    return np.array([measure.digits for measure in policy.measures], np.int64)


def _decimals(sums: Ints, digits: Ints) -> Ints | list[Any]:
    """Return sums (K, 3) of measures with these digits (K,) as whole numbers of 1e-9."""
    scale = 10 ** (DECIMAL_DIGITS - digits)
    estimate = np.abs(sums[:, HI].astype(float)) * 2**LIMB_BITS * scale
    if not len(sums) or estimate.max() < 2**61:
        return ((sums[:, HI] << LIMB_BITS) + sums[:, LO]) * scale
    return [((hi << LIMB_BITS) + lo) * by for (_, hi, lo), by in zip(sums.tolist(), scale.tolist(), strict=True)]


def means(sums: Ints, policy: Policy) -> Floats:
    """Return the mean of each measure, shape (..., M), from sums (..., M, 3); NaN without values."""
    totals = sums[..., HI].astype(float) * 2.0**LIMB_BITS + sums[..., LO]
    with np.errstate(invalid="ignore"):
        return np.asarray(totals / 10.0 ** _digits(policy) / np.where(sums[..., N] > 0, sums[..., N], np.nan))
