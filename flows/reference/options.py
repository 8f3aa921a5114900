"""What a reference profile is to hold."""

import msgspec

from operators.profiles.local_time import UTC
from operators.profiles.profile import Profile

BINS = 10  # Of a number: deciles.
SAMPLE = 100_000  # Events, and as many items of feedback.


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are those to keep, all where none is named; `clusters` of the embeddings, None for no centroids.

    `like` is a profile whose bins it gets, and whose fields alone it has.
    `residual`: with what its numeric features leave when they do not go together as they do (`profiles/residual.py`).
    `by_hour`: where there is a week of items, hours of the week are kept apart. `by` are the slices that are kept
    apart, by their dimensions. `timezone`: hours are those that its clocks show. `categories` are fields whose values
    are names, also where they are numbers.
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
