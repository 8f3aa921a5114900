"""Some rows of a partial aggregate, as a partial of their own."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from operators.arrays import Ints
from operators.stats.design_effect import BUCKETS
from operators.window.chains import take_chains
from operators.window.label_ages import width
from operators.window.leaf_index import LeafSeries
from operators.window.partial import Partial, cell_width

T = TypeVar("T")


def take(part: Partial, first: int, last: int) -> Partial:
    """Return rows first..last-1. O(those rows): the sparse parts are sorted by row."""
    return part if (first, last) == (0, part.rows) else split_rows(part, (first, last))[0]


def split_rows(
    part: Partial, edges: Sequence[int], named: Iterable[tuple[Sequence[LeafSeries], Ints]] | None = None
) -> list[Partial]:
    """Return the rows from each edge, in order, to before the next one.

    `named` has for each part its series and the number of each row's series among them; None: every part has all
    series.
    """
    cells, features, ages, users, outcomes = (
        _split_keyed(counts, width, edges)
        for counts, width in (
            (part.cells, cell_width(part)),
            (part.features, part.bins),
            (part.ages, width(part.slis.shape[1])),
            (part.users, BUCKETS),
            (part.outcomes, 1),
        )
    )
    offenders, samples = _split_found(part.offenders, edges), _split_found(part.samples, edges)
    if named is None:
        named = ((part.series, part.which[first:last]) for first, last in pairwise(edges))
    return [
        Partial(
            series=series,
            error_types=part.error_types,
            which=which,
            pane=part.pane[first:last],
            late=part.late[first:last],
            events=part.events[first:last],
            slis=part.slis[first:last],
            sums=part.sums[first:last],
            extremes=part.extremes[first:last],
            outcomes=outcomes[at],
            cells=cells[at],
            bins=part.bins,
            features=features[at],
            moments=part.moments[first:last],
            ranges=part.ranges[first:last],
            offenders=offenders[at],
            ages=ages[at],
            users=users[at],
            chains=take_chains(part.chains, first, last),
            samples=samples[at],
        )
        for at, ((first, last), (series, which)) in enumerate(zip(pairwise(edges), named, strict=True))
    ]


def _split_found(found: Sequence[tuple[int, T]], edges: Sequence[int]) -> list[list[tuple[int, T]]]:
    """Return what was found in the rows from each edge to the next, by row within these."""
    pieces: list[list[tuple[int, T]]] = [[] for _ in edges[1:]]
    if not found:
        return pieces
    rows, begins = np.array([row for row, _ in found], np.int64), np.array(edges, np.int64)
    of = begins.searchsorted(rows, "right") - 1
    for piece, row, (_, each) in zip(of.tolist(), (rows - begins[of]).tolist(), found, strict=True):
        if 0 <= piece < len(pieces):
            pieces[piece].append((row, each))
    return pieces


def _split_keyed(counts: Ints, width: int, edges: Sequence[int]) -> list[Ints]:
    """Return the counts of the rows from each edge to the next; the first column of `counts` is row * width + place."""
    if not len(counts):
        return [counts] * (len(edges) - 1)
    begins = np.array(edges) * width
    bounds = counts[:, 0].searchsorted(begins)
    moved = counts[bounds[0] : bounds[-1]].copy()
    moved[:, 0] -= np.repeat(begins[:-1], np.diff(bounds))
    return [moved[start:stop] for start, stop in pairwise((bounds - bounds[0]).tolist())]
