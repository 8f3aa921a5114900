"""Which shares of a field are watched for a change that stays, and how far each may move."""

from itertools import pairwise

import numpy as np
from scipy import special

from operators.arrays import Floats
from operators.profiles.profile import BINS, Field
from operators.stats.share_detector import STEPS, Shares

ERROR = 4.0  # A change must exceed this many standard errors of the profile's shares.
SHARE_MIN = 1e-9  # A boundary is no nearer to 0 or 1 than this.


def shares_of(field: Field, sigmas: float, points: float) -> Shares:
    """Return the shares of a field, each with the change that is tolerated.

    For numbers with many values: the shares below each edge of the bins, among present values, which may move as far as
    a shift of a normal by `sigmas` standard deviations moves them. For other fields, and for missing and unseen values:
    the share of each, which may move by `points` (0.01: from 10 to 11 %), but no further than such a shift moves it.
    """
    numeric = field.kind == "number" and field.cardinality > BINS
    hits = np.eye(field.bins, dtype=np.int64)
    of = np.ones((field.bins, field.bins), np.int64)
    if numeric:
        cuts = len(field.edges)
        below = (np.arange(field.bins)[:, None] <= np.arange(cuts)).astype(np.int64)
        present = np.broadcast_to((np.arange(field.bins) < field.missing)[:, None], (field.bins, cuts))
        hits, of = np.c_[below, hits[:, field.missing :]], np.c_[present.astype(np.int64), of[:, field.missing :]]
    counts = np.array(field.counts) / field.design_effect
    x, n = counts @ hits, counts @ of
    limit = np.r_[np.ones(hits.shape[1] - 2) if numeric else np.full(hits.shape[1] - 2, points), points, points]
    null = _nulls(x, n, sigmas, limit)
    inside = (null > SHARE_MIN) & (null < 1 - SHARE_MIN)
    null = np.where(inside, null, 0.5)
    steps = np.array(STEPS) * np.array([1.0, -1.0])[:, None]
    beyond = special.ndtr(special.ndtri(null)[:, :, None] + steps)
    room = inside[:, :, None] & (beyond > 0) & (beyond < 1)
    beyond = np.where(room, beyond, 0.5)
    base = np.where(room, null[:, :, None], 0.5)
    return Shares(
        hits=hits,
        of=of,
        gains=np.log(beyond / base),
        losses=np.log1p(-beyond) - np.log1p(-base),
        open=room.all(axis=2).astype(float),
        names=_names(field, numeric=numeric),
    )


def _nulls(x: Floats, n: Floats, sigmas: float, limit: Floats) -> Floats:
    """Return the largest and the smallest tolerated share, (C, 2)."""
    share = (x + 0.5) / (n + 1)
    probit, chance = special.ndtri(share), special.ndtr(-ERROR)
    with np.errstate(invalid="ignore"):
        sure = np.where(x < n, special.betaincinv(x + 1, np.maximum(n - x, 1), 1 - chance), 1.0)
        least = np.where(x > 0, special.betaincinv(np.maximum(x, 1), n - x + 1, chance), 0.0)
    up = np.maximum(share + np.minimum(special.ndtr(probit + sigmas) - share, limit), sure)
    down = np.minimum(share - np.minimum(share - special.ndtr(probit - sigmas), limit), least)
    return np.column_stack((up, down))


def _names(field: Field, *, numeric: bool) -> tuple[str, ...]:
    if numeric:
        own = [f"below {edge:.4g}" for edge in field.edges]
    elif field.kind == "number":
        edges = (None, *field.edges, None)
        own = [_between(low, high) for low, high in pairwise(edges)]
    else:
        own = [repr(name) for name in field.categories]
    return (*own, "missing", "unseen")


def _between(low: float | None, high: float | None) -> str:
    """Return the name of low <= x < high.

    >>> _between(None, 1.0), _between(1.0, 2.0), _between(2.0, None), _between(None, None)
    ('below 1', '1 to 2', 'from 2', 'any')
    """
    if low is None:
        return "any" if high is None else f"below {high:.4g}"
    return f"from {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"
