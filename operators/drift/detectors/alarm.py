"""The alarm of a change detector: that one series has changed, in which direction, and by what score."""

import math

import msgspec


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """`rose`: the mean went up; `score` and `threshold` in the unit that the detector's own file states."""

    rose: bool
    score: float
    threshold: float


def finite(x: float) -> float:
    """Return `x`, or raise ValueError: a single NaN or infinity would keep a detector silent for ever."""
    if not math.isfinite(x):
        raise ValueError(f"x must be finite, got {x!r}")
    return x
