"""What a profile expects of an hour of the week, so that day and night are not taken for drift.

A profile of a week or more keeps the counts of its bins in each of the 168 hours from Monday on, by the clocks of a
place (`local_time.py`). One hour of one week holds few values, so each is shrunk: an hour of the week towards that hour
of all days, and this towards the whole, each as far as the profile shows that they are alike.
With counts c_g of n_g values in group g, and shares p of
all of them, c_g is taken as drawn with shares of a Dirichlet distribution around p; its precision k follows from the
chi-square X2 of all groups, whose expectation is (B - 1) sum (n_g + k) / (1 + k) (J. Mosimann (1962), Biometrika 49,
pp. 65-82), and the shares of a group are those of c_g + k p, worth n_g + k values. For groups that are alike k has no
bound: then all of them count as one, and nothing is lost by keeping them apart.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.profiles.binning import Value, bins_of
from operators.profiles.local_time import UTC, local_ms
from operators.profiles.part_moments import moments_by
from operators.profiles.profile import HOURS, Field, Profile
from operators.spans import HOUR_MS

DAY_HOURS = 24
MONDAY = 4 * DAY_HOURS  # Hours from the start of Unix time, a Thursday, to the first Monday.
CHANCE = 3.0  # Groups differ when X2 is more than this many of its standard deviations beyond chance.


def hours_of_week(times: Ints, zone: str = UTC) -> Ints:
    """Return the hour of the week, 0 .. 167, of each time [Unix ms], as clocks of a zone show it. ValueError.

    >>> hours_of_week(np.array([1_760_918_400_000, 1_760_918_399_999])).tolist()  # Monday, 2025-10-20.
    [0, 167]
    """
    return (local_ms(times, zone) // HOUR_MS - MONDAY) % HOURS


def hours_covered(start: int, window_ms: int, zone: str = UTC) -> list[int]:
    """Return the hours of the week, rising, that a window touches, as clocks of a zone show them."""
    low, high = local_ms(np.array([start, max(start + window_ms - 1, start)]), zone).tolist()
    first = low // HOUR_MS - MONDAY
    last = max(high // HOUR_MS - MONDAY, first)
    return sorted({hour % HOURS for hour in range(first, min(last, first + HOURS - 1) + 1)})


def by_hour(
    profile: Profile, columns: Mapping[str, Sequence[Value]], hours: Mapping[str, Ints], zone: str = UTC
) -> Profile:
    """Return a profile that also has its fields' counts by hour; `hours` has the hour of each value."""
    timezone = UNSET if zone == UTC else zone
    fields = {}
    for name, field in profile.fields.items():
        keys = hours[name] * field.bins + bins_of(field, columns[name])
        counts = np.bincount(keys, minlength=HOURS * field.bins).reshape(HOURS, field.bins)
        parts = moments_by(columns[name], hours[name], HOURS) if field.kind == "number" else UNSET
        kept = tuple(map(tuple, counts.tolist()))
        fields[name] = msgspec.structs.replace(field, hours=kept, hour_moments=parts, timezone=timezone)
    return msgspec.structs.replace(profile, fields=fields)


def expected(field: Field, start: int, window_ms: int) -> Floats:
    """Return the counts (B,) to compare a window with, worth as many values as they add up to.

    For a profile without hours, and for windows of whole weeks, those of the whole profile.
    """
    whole = np.array(field.counts, float)
    if field.hours is msgspec.UNSET or window_ms % (HOURS * HOUR_MS) == 0:
        return whole
    covered = hours_covered(start, window_ms, field.zone)
    some = _shrunk(field.hours, field.design_effect)[covered]
    traffic = np.array(field.hours, float).sum(axis=1)[covered]
    sizes = some.sum(axis=1)
    weights = traffic / traffic.sum() if traffic.any() else np.full(len(some), 1 / len(some))
    shares = (some / sizes[:, None] * weights[:, None]).sum(axis=0)
    # Hours that are alike share the same values, so no sum of hours is worth more than all there are.
    return np.asarray(shares * min(float(sizes.sum()), float(whole.sum())))


@lru_cache(maxsize=1_000)
def _shrunk(hours: tuple[tuple[int, ...], ...], design: float) -> Floats:
    """Return the counts (168, B) of each hour, shrunk towards that hour of all days, and this towards the whole."""
    counts = np.array(hours, float) / design
    whole = counts.sum(axis=0)
    of_day = counts.reshape(-1, DAY_HOURS, counts.shape[1])
    days = of_day.sum(axis=0)
    by_day = shrunk_towards(days, whole[None], np.zeros(DAY_HOURS, np.int64))
    return shrunk_towards(counts, by_day, np.arange(HOURS) % DAY_HOURS, pooled=days) * design


def shrunk_towards(counts: Floats, priors: Floats, of: Ints, pooled: Floats | None = None) -> Floats:
    """Return counts (G, B) shrunk towards the prior (P, B) of each, `of` (G,); a prior's sum is the values it is worth.

    `pooled` (P, B) are the counts of each prior's groups together, where the prior is made of more than these.
    """
    together = priors if pooled is None else pooled
    expected = together[of] / np.maximum(together[of].sum(axis=1, keepdims=True), 1)
    n = counts.sum(axis=1, keepdims=True)
    used = expected * n > 0
    squares = np.where(used, (counts - expected * n) ** 2 / np.where(used, expected * n, 1), 0.0).sum()
    filled = int((n > 0).sum()) - len({int(each) for each in of[n[:, 0] > 0]})
    bins = float(used.sum(axis=1)[n[:, 0] > 0].mean()) - 1 if (n > 0).any() else 0.0
    precision = _precision(float(squares), filled, bins, float(n.sum()), int((n > 0).sum()))
    prior = priors[of]
    sizes = prior.sum(axis=1, keepdims=True)
    if np.isinf(precision):
        return prior
    return np.asarray(counts + prior / np.maximum(sizes, 1) * np.minimum(precision, sizes))


def _precision(squares: float, df: int, bins: float, n: float, groups: int) -> float:
    """Return k from X2 with `df` free groups and `bins` free shares; infinite where chance gives as much."""
    if df < 1 or bins <= 0:
        return np.inf
    if squares - df * bins <= CHANCE * np.sqrt(2 * df * bins):
        return np.inf
    spread = squares / bins * groups / df  # Expected: sum (n_g + k) / (1 + k).
    return max((n - spread) / (spread - groups), 0.0) if spread > groups else np.inf
