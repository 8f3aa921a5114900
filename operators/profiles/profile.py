"""A reference profile: what each field looked like when all was well, frozen and named by its content.

Bins of one field: its own (quantiles of a number, values of a category), then one for missing values, then one for
unseen values: text in a number, a category that the profile does not list. A profile takes some 1 KiB of readable JSON
for each field; two builds from the same values are the same bytes, and so have the same name.
"""

import hashlib
import math
from typing import Literal

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from operators.profiles.local_time import UTC, known_zone

BINS = 10  # Quantile bins of a number.
CATEGORIES_MAX = 50  # The most frequent are listed; all others count as unseen, in the reference too.

EMBEDDING = "embedding"
RESIDUAL = "residual"  # The field that `residual.py` makes of numeric features.
HOURS = 168  # Hours of a week, from Monday on, in the field's time zone.

# An exponential has a kurtosis of 9. Measured with fresh log-normal values (sd of the logarithm 1), 24,500 an hour:
# some lay a span or more outside the range of 20,000 reference values in 9 of 120 hours, ten spans outside in none.
HEAVY_KURTOSIS, HEAVY_ROOM = 12.0, 10.0
# With few numbers, the largest one and the kurtosis say less: with references of 60 to 500 exponential numbers, 34 to
# 0.4 of a week's numbers, at 300 an hour, lay a span outside. So below these sizes tails count as heavy from a lower
# kurtosis on, which few samples of a normal reach, and none of values with bounds of their own.
FEW_NUMBERS = ((250, 2.5), (2_000, 3.5))

ROUNDED_STEPS = 16  # Steps between neighbouring floats: a mean of millions is off by fewer.

Kind = Literal["number", "category"]


def rounding(number: float) -> float:
    """Return how far off a number may be through rounding: less than one millisecond for a time in milliseconds."""
    return ROUNDED_STEPS * math.ulp(number)


class Centroids(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`centres` (k, d), and how many vectors of the reference lie nearest to each, are missing, or are unseen.

    A vector whose length is not d counts as unseen: bins are the k clusters, missing, unseen.
    """

    centres: tuple[tuple[float, ...], ...]
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len({len(centre) for centre in self.centres}) != 1 or len(self.counts) != len(self.centres) + 2:
            raise ValueError("centroids need centres of one length, and a count for each, missing and unseen")

    @property
    def matrix(self) -> NDArray[np.float64]:
        return np.array(self.centres, float)


class Moments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Moments of a field's numbers; `sd` with n - 1; `skewness`, `kurtosis` (3 for a normal) are 0 and 3 if it is 0."""

    n: int
    mean: float
    sd: float
    skewness: float
    kurtosis: float
    low: float
    high: float

    @property
    def bounds(self) -> tuple[float, float]:
        """The range of plausible values: the reference's [low, high], widened on both sides by high - low.

        With heavy tails, where the largest value says little about the next one, by ten times as much; for a constant,
        by rounding. `n` must be the number of values that the range is of.
        """
        limit = next((kurtosis for few, kurtosis in FEW_NUMBERS if self.n < few), HEAVY_KURTOSIS)
        room = (self.high - self.low) * (HEAVY_ROOM if self.kurtosis > limit else 1.0)
        return self.low - max(room, rounding(self.low)), self.high + max(room, rounding(self.high))


class PartMoments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Moments of a field's numbers in one slice or hour, 0 without numbers; `sd` with n - 1."""

    n: int = 0
    mean: float = 0.0
    sd: float = 0.0


class Components(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Means and standard deviations of features, by their fields' `names`, and the directions (k, names) in `left`.

    Those are what the principal components of the standardised features leave (`residual.py`).
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    sds: tuple[float, ...]
    left: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        sizes = {len(self.names), len(self.means), len(self.sds), *map(len, self.left)}
        if len(sizes) != 1 or not self.left or min(self.sds) <= 0:
            raise ValueError("components need a mean, a deviation above 0 and a weight for each name")
        if any(not name.startswith("features.") for name in self.names):
            raise ValueError(f"components are of features, got {self.names!r}")


class SliceHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The slice with this canonical text: `counts` of each hour of the week, `moments` of its numbers, if any."""

    text: str
    counts: tuple[tuple[int, ...], ...]
    moments: tuple[PartMoments, ...] = ()


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """One feature, prediction or measure.

    `edges` of a number: bin i holds edges[i - 1] <= x < edges[i], the first and last are open. `categories` are
    sorted. `counts`: of each bin, missing and unseen last. `cardinality`: distinct present values. `hours`: counts of
    each hour of the week (`seasons.py`), where the profile is of a week or more, by the clocks of `timezone`, UTC where
    that is unset. `slices`: counts of some slices, by their canonical text (`by_slice.py`). `hour_moments`,
    `slice_moments`: of the numbers in each hour or slice. `slice_hours`: hours of the week of slices with days of their
    own (`slice_hours.py`). `components`: what the residual is made of. `design`: the number of its events that are
    worth one independent event, as users make several within an hour; unset where that is unknown.
    """

    kind: Kind
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...]
    cardinality: int
    moments: Moments | None = None
    hours: tuple[tuple[int, ...], ...] | UnsetType = UNSET  # Unset is not written: such profiles keep their names.
    slices: tuple[tuple[str, tuple[int, ...]], ...] | UnsetType = UNSET
    components: Components | UnsetType = UNSET
    hour_moments: tuple[PartMoments, ...] | UnsetType = UNSET
    slice_moments: tuple[tuple[str, PartMoments], ...] | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    slice_hours: tuple[SliceHours, ...] | UnsetType = UNSET
    design: float | UnsetType = UNSET

    @property
    def zone(self) -> str:
        """The time zone in which its hours of the week are counted."""
        return UTC if self.timezone is UNSET else self.timezone

    @property
    def design_effect(self) -> float:
        return 1.0 if self.design is UNSET else self.design

    def without_parts(self) -> "Field":
        """Return the field as a whole, without its hours and slices."""
        return msgspec.structs.replace(
            self,
            hours=UNSET,
            slices=UNSET,
            hour_moments=UNSET,
            slice_moments=UNSET,
            slice_hours=UNSET,
        )

    def __post_init__(self) -> None:
        if self.design is not UNSET and not 1 <= self.design < np.inf:
            raise ValueError(f"design must be at least 1, got {self.design!r}")
        if self.timezone is not UNSET:
            try:
                known_zone(self.timezone)
            except ValueError as error:
                raise ValueError(f"timezone = {self.timezone!r} {error}") from error
        if self.hours is not UNSET and [len(hour) for hour in self.hours] != [len(self.counts)] * HOURS:
            raise ValueError(f"hours need {HOURS} times {len(self.counts)} counts")
        if self.hour_moments is not UNSET and len(self.hour_moments) != HOURS:
            raise ValueError(f"hour_moments need {HOURS}, got {len(self.hour_moments)}")
        if self.slices is not UNSET and any(len(counts) != len(self.counts) for _, counts in self.slices):
            raise ValueError(f"each slice needs {len(self.counts)} counts")
        self._check_slice_hours()
        if len(self.counts) != self.unseen + 1:
            raise ValueError(f"a field needs {self.unseen + 1} counts, got {len(self.counts)}")
        if min(self.counts) < 0 or not any(self.counts):
            raise ValueError(f"counts must be at least 0 and some above, got {self.counts!r}")
        if list(self.edges) != sorted(set(self.edges)) or list(self.categories) != sorted(set(self.categories)):
            raise ValueError("edges and categories must rise")

    def _check_slice_hours(self) -> None:
        for own in () if self.slice_hours is UNSET else self.slice_hours:
            if [len(hour) for hour in own.counts] != [len(self.counts)] * HOURS or len(own.moments) not in (0, HOURS):
                raise ValueError(f"slice_hours of {own.text} need {HOURS} times {len(self.counts)} counts")
            if not any(any(hour[: self.missing]) for hour in own.counts):
                raise ValueError(f"slice_hours of {own.text} need a value")

    @property
    def missing(self) -> int:
        """Index of the bin of missing values; the next is that of unseen ones."""
        return len(self.edges) + 1 if self.kind == "number" else len(self.categories)

    @property
    def unseen(self) -> int:
        return self.missing + 1

    @property
    def bins(self) -> int:
        return self.missing + 2

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def missing_share(self) -> float:
        return self.counts[self.missing] / max(self.rows, 1)


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of one model by name, and the clusters of the model's embeddings."""

    version: Literal[1] = 1  # Of this layout.
    fields: dict[str, Field]
    embedding: Centroids | None = None

    def __post_init__(self) -> None:
        made = [name for name, field in self.fields.items() if field.components is not UNSET]
        if made != [name for name in self.fields if name == RESIDUAL]:
            raise ValueError(f"{RESIDUAL} has components, and no other field, got {made!r}")

    def field(self, name: str) -> Field | None:
        """Return the field of a name; the clusters of `embedding` are returned as categories."""
        if name != EMBEDDING or self.embedding is None:
            return self.fields.get(name)
        clusters = len(self.embedding.centres)
        names = tuple(f"cluster-{number:04}" for number in range(clusters))
        return Field(kind="category", categories=names, counts=self.embedding.counts, cardinality=clusters)

    @property
    def is_hourly(self) -> bool:
        """Whether some field has counts by hour of the week."""
        return any(field.hours is not UNSET for field in self.fields.values())

    @property
    def name(self) -> str:
        """16 hexadecimal digits that change when anything in the profile does."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()[:16]


def to_json(profile: Profile) -> bytes:
    """Return the profile as indented JSON, fields sorted by name."""
    return msgspec.json.format(msgspec.json.encode(profile, order="sorted"), indent=1) + b"\n"


def from_json(data: bytes) -> Profile:
    """Read what `to_json` wrote. ValueError (msgspec's, with the place) if it is no profile."""
    try:
        return msgspec.json.decode(data, type=Profile)
    except msgspec.MsgspecError as error:
        raise ValueError(f"is no profile: {error}") from error
