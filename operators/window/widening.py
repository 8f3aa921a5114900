"""Counts saved under a policy with other SLIs, measures, slice dimensions or watched fields, fitted to the present one.

New SLIs and measures become empty columns at the end. Slice dimensions that are gone are added up over; for new ones a
series has no value. Watched fields are in `watched_columns.py`.

Counts of a new column in panes before its shard counted it in full are left out: each column has a first pane.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import CountColumns, Policy
from operators.policy.sli import Retired
from operators.stats.histogram import CODE_BITS
from operators.window.chains import Chains
from operators.window.label_ages import width
from operators.window.leaf_index import LeafSeries
from operators.window.merging import merge
from operators.window.partial import LO, UNSLICED, Partial
from operators.window.samples import Sample
from operators.window.watched_columns import rewatched
from operators.window.watermark import END

T = TypeVar("T")
NOT_MEANT = 3  # The class of an event in a chain that an SLI is not about (`operators/ingest/slis/kind.py`).
Begins = Mapping[int, int]  # By number of an SLI, measure or dimension: the first pane that has it in full.


def widened(part: Partial, policy: Policy, had: CountColumns | None = None) -> Partial:
    """Return a partial with a column for each SLI and measure of the policy; columns it lacked are empty.

    Its series get a value for each dimension of the policy. `had` are the columns of `part`; None: those of the policy.
    """
    dimensions = policy.dimensions if had is None else had.dimensions
    if any(len(name.values) < len(dimensions) for name in part.series):  # Held since before the last of the dimensions.
        part = msgspec.structs.replace(part, series=[unsliced(name, (), len(dimensions)) for name in part.series])
    if had is not None:
        part = rewatched(resliced(part, had.dimensions, policy.dimensions), had.watched, policy.columns.watched)
    counted, slis = part.slis.shape[1], len(policy.slis)
    if counted < slis:
        none = np.zeros((part.rows, slis - counted, 3), np.int64)
        part = msgspec.structs.replace(
            part,
            slis=np.concatenate([part.slis, none], axis=1),
            ages=_moved(part.ages, width(counted), width(slis)),
            chains=None if part.chains is None else _widened_chains(part.chains, slis - counted),
        )
    counted, measures = part.sums.shape[1], len(policy.measures)
    if counted < measures:
        part = msgspec.structs.replace(
            part,
            sums=np.concatenate([part.sums, np.zeros((part.rows, measures - counted, LO + 1), np.int64)], axis=1),
            extremes=np.concatenate([part.extremes, np.full((part.rows, measures - counted, 2), -np.inf)], axis=1),
            cells=_moved(part.cells, counted << CODE_BITS, measures << CODE_BITS),
        )
    gone = {at: END for at, sli in enumerate(policy.slis) if isinstance(sli, Retired)}
    return from_begin(part, gone, {at: END for at, measure in enumerate(policy.measures) if measure.retired})


def resliced(part: Partial, before: Sequence[str], now: Sequence[str]) -> Partial:
    """Return a partial with series of the present dimensions, added up over dimensions that are gone."""
    if tuple(before) == tuple(now):
        return part
    places = dimension_places(before, now)
    names = {name: placed(name, places) for name in part.series}
    samples = [(row, replaced(sample, places)) for row, sample in part.samples]
    part = msgspec.structs.replace(part, samples=samples)
    if len(set(names.values())) == len(names):
        return msgspec.structs.replace(part, series=[names[name] for name in part.series])
    return merge([part], names)


def dimension_places(before: Sequence[str], now: Sequence[str]) -> list[int | None]:
    """Return the former place of each present slice dimension, None where it is new.

    >>> dimension_places(["region", "segment"], ["segment", "team"])
    [1, None]
    """
    return [before.index(name) if name in before else None for name in now]


def replaced(sample: Sample, places: Sequence[int | None]) -> Sample:
    """Return a request with its slice by the present dimensions."""
    known = len(sample.values)
    values = ["" if place is None or place >= known else sample.values[place] for place in places]
    return sample._replace(values=tuple(values)) if known else sample


def placed(name: LeafSeries, places: Sequence[int | None]) -> LeafSeries:
    """Return a series with its values at these places, UNSLICED where a place is None.

    >>> [value == UNSLICED for value in placed(LeafSeries("m", "v1", ("eu", "pro")), [1, None]).values]
    [False, True]
    """
    values = tuple(UNSLICED if place is None else name.values[place] for place in places)
    return LeafSeries(name.model, name.version, values)


def unsliced(name: LeafSeries, by: Collection[int], dimensions: int) -> LeafSeries:
    """Return a series with this many `dimensions`, UNSLICED in those numbered `by` and in those it lacks at the end.

    >>> [value == UNSLICED for value in unsliced(LeafSeries("m", "v1", ("eu", "pro")), [1], 3).values]
    [False, True, True]
    """
    values = (*name.values, *[UNSLICED] * (dimensions - len(name.values)))
    return LeafSeries(
        name.model, name.version, tuple(UNSLICED if at in by else value for at, value in enumerate(values))
    )


def begins_of(saved: Mapping[int, int], before: Sequence[T], now: Sequence[T], first: int) -> dict[int, int]:
    """Return, by present number, the first panes of columns that began later; `saved` has those by former number."""
    known = {each: saved[number] for number, each in enumerate(before) if number in saved}
    new = {each: first for each in now if each not in before}
    return {number: begin for number, each in enumerate(now) if (begin := (known | new).get(each)) is not None}


def before_begin(part: Partial, pane: int, sliced: Begins) -> Partial:
    """Return a partial of a pane without the slice dimensions that begin later."""
    later = [dimension for dimension, first in sliced.items() if pane < first]
    if not later:
        return part
    return merge([part], {name: unsliced(name, later, len(name.values)) for name in part.series})


def from_begin(part: Partial, slis: Begins, measures: Begins) -> Partial:
    """Return a partial without the counts of SLIs and measures in panes before these began."""
    for sli, pane in slis.items():
        if (early := part.pane < pane).any():
            counts, ages = part.slis.copy(), part.ages
            counts[early, sli] = 0
            row, place = np.divmod(ages[:, 0], width(counts.shape[1]))
            of = place // width(1) == sli
            part = msgspec.structs.replace(
                part, slis=counts, ages=ages[~(of & early[row])], chains=_chains_from(part.chains, early, sli)
            )
    for measure, pane in measures.items():
        if (early := part.pane < pane).any():
            sums, extremes, pairs = part.sums.copy(), part.extremes.copy(), part.cells[:, 0] >> CODE_BITS
            sums[early, measure], extremes[early, measure] = 0, -np.inf
            row, of = np.divmod(pairs, sums.shape[1])
            cells = part.cells[~((of == measure) & early[row])]
            part = msgspec.structs.replace(part, sums=sums, extremes=extremes, cells=cells)
    return part


def _moved(counts: Ints, before: int, after: int) -> Ints:
    """Return sparse counts (K, 2) with the keys of their rows `after` apart instead of `before`."""
    if not len(counts) or not before:
        return counts
    row, place = np.divmod(counts[:, 0], before)
    return np.column_stack((row * after + place, counts[:, 1]))


def _widened_chains(chains: Chains, more: int) -> Chains:
    inside = np.zeros((len(chains.inside), more, 2), np.int64)
    classes = np.full((len(chains.classes), more), NOT_MEANT, chains.classes.dtype)
    return msgspec.structs.replace(
        chains,
        inside=np.concatenate([chains.inside, inside], axis=1),
        classes=np.concatenate([chains.classes, classes], axis=1),
    )


def _chains_from(chains: Chains | None, early: NDArray[np.bool_], sli: int) -> Chains | None:
    if chains is None:
        return None
    inside, classes = chains.inside.copy(), chains.classes.copy()
    inside[early, sli] = 0
    classes[early[chains.row], sli] = NOT_MEANT
    return msgspec.structs.replace(chains, inside=inside, classes=classes)
