"""What a data contract demands of one feature, and how a breach is described."""

import math
from typing import Literal

import msgspec

from operators.profiles.profile import Field, Moments

SIGMAS = 5.0  # 200 features and 50 slices, hourly, then break 2.4 times a week by chance (`false_alarms`).
SAMPLES_MIN = 30  # Rows of a window; fewer break nothing.

FindingKind = Literal[
    "absent", "missing", "type", "category", "range", "constant", "cardinality", "mean", "deviation", "scale"
]


class ContractBreach(msgspec.Struct, frozen=True, kw_only=True):
    """`observed` went past `limit`, where the reference has `expected`; all three in the unit of `kind`:

    shares (absent, missing, type, category), values of the feature (range, mean, deviation), distinct values
    (constant, cardinality), a factor (scale). `values`: some offending ones.
    """

    feature: str
    kind: FindingKind
    observed: float
    expected: float
    limit: float
    values: tuple[str, ...] = ()


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """The contract of one feature. What is None is taken from the reference, with room for chance.

    `low` and `high` are in the unit of the feature, `categories` are some of the reference's: all are exact, one value
    outside breaks them. The reference's range is that of the numbers `range_of`; None: of its own numbers.
    ValueError: a limit that does not fit the kind of the reference, or sigmas not above 0.
    """

    reference: Field
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    missing_share_max: float | None = None
    range_of: Moments | None = None
    sigmas: float = SIGMAS

    def __post_init__(self) -> None:
        if not self.sigmas > 0:
            raise ValueError(f"sigmas must be above 0, got {self.sigmas!r}")
        if self.reference.kind == "category" and not (self.low is None and self.high is None):
            raise ValueError(f"a category has no range, got {self.low!r} and {self.high!r}")
        if not set(self.categories or ()) <= set(self.reference.categories):
            raise ValueError(f"categories must be those of the reference, got {self.categories!r}")
        if self.missing_share_max is not None and not 0 <= self.missing_share_max <= 1:
            raise ValueError(f"missing_share_max must be between 0 and 1, got {self.missing_share_max!r}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The range; a limit that is not given is the reference's, widened as in `Moments.bounds`."""
        moments = self.range_of or self.reference.moments
        if moments is None:
            return -math.inf, math.inf
        low, high = moments.bounds
        return low if self.low is None else self.low, high if self.high is None else self.high
