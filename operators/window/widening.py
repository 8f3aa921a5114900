"""Counts that were saved before a policy had all its SLIs, measures and dimensions: the columns that follow are empty.

What a pane holds of them before their shard counted them in full is left out: they begin with a pane of their own.
"""

from collections.abc import Collection, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import Policy, Retired
from operators.stats.histogram import CODE_BITS
from operators.window.chains import Chains
from operators.window.label_ages import width
from operators.window.leaf_index import LeafSeries
from operators.window.partial import LO, UNSLICED, Partial, merge
from operators.window.watermark import END

NOT_MEANT = 3  # The class of an event in a chain that an SLI is not about (`operators/ingest/slis/kind.py`).
Begins = Mapping[int, int]  # By number of an SLI or measure the first pane that has it in full.


def widened(part: Partial, policy: Policy) -> Partial:
    """Return a partial with a column for each SLI and measure of the policy; those not counted by it are empty.

    Its series have a value for each dimension of the policy.
    """
    dimensions = len(policy.dimensions)
    if any(len(name.values) < dimensions for name in part.series):
        part = msgspec.structs.replace(part, series=[unsliced(name, (), dimensions) for name in part.series])
    had, slis = part.slis.shape[1], len(policy.slis)
    if had < slis:
        none = np.zeros((part.rows, slis - had, 3), np.int64)
        part = msgspec.structs.replace(
            part,
            slis=np.concatenate([part.slis, none], axis=1),
            ages=_moved(part.ages, width(had), width(slis)),
            chains=None if part.chains is None else _widened_chains(part.chains, slis - had),
        )
    had, measures = part.sums.shape[1], len(policy.measures)
    if had < measures:
        part = msgspec.structs.replace(
            part,
            sums=np.concatenate([part.sums, np.zeros((part.rows, measures - had, LO + 1), np.int64)], axis=1),
            extremes=np.concatenate([part.extremes, np.full((part.rows, measures - had, 2), -np.inf)], axis=1),
            cells=_moved(part.cells, had << CODE_BITS, measures << CODE_BITS),
        )
    gone = {at: END for at, sli in enumerate(policy.slis) if isinstance(sli, Retired)}
    return from_begin(part, gone, {at: END for at, measure in enumerate(policy.measures) if measure.retired})


def unsliced(name: LeafSeries, by: Collection[int], dimensions: int) -> LeafSeries:
    """Return a series as it is known before there were the last of so many dimensions, and those numbered `by`.

    >>> [value == UNSLICED for value in unsliced(LeafSeries("m", "v1", ("eu", "pro")), [1], 3).values]
    [False, True, True]
    """
    values = (*name.values, *[UNSLICED] * (dimensions - len(name.values)))
    return LeafSeries(
        name.model, name.version, tuple(UNSLICED if at in by else value for at, value in enumerate(values))
    )


def before_begin(part: Partial, pane: int, sliced: Begins) -> Partial:
    """Return a partial of a pane as it is known before the slice dimensions began that begin later."""
    later = [dimension for dimension, first in sliced.items() if pane < first]
    if not later:
        return part
    return merge([part], {name: unsliced(name, later, len(name.values)) for name in part.series})


def from_begin(part: Partial, slis: Begins, measures: Begins) -> Partial:
    """Return a partial without what it has of SLIs and measures in panes before these began."""
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
    """Return sparse counts (K, 2) whose rows are as far apart as `after` says."""
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
