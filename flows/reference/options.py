"""The options of a reference profile."""

import msgspec

from operators.profiles.local_time import UTC
from operators.profiles.profile import Profile

BINS = 10  # Bins of a number: deciles.
SAMPLE = 100_000  # Events, and as many items of feedback.


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are those to keep, all where none is named; `clusters` of the embeddings, None for no centroids.

    `like` is a profile whose bins and fields it gets. `residual`: with the residual of its numeric features
    (`profiles/residual.py`). `by_hour`: with counts by hour of the week, where there is a week of items. `by` are the
    slices with counts of their own, by their dimensions. `timezone`: the clocks that give the hours. `categories` are
    fields whose values are names, also where they are numbers.
    """

    fields: tuple[str, ...] = ()
    bins: int = BINS
    clusters: int | None = None
    like: Profile | None = None
    sample: int = SAMPLE
    residual: bool = False
    by_hour: bool = True
    by: tuple[tuple[str, ...], ...] = ()
    timezone: str = UTC
    categories: tuple[str, ...] = ()
