"""Small changes that stay, in a shop with a night: found within 12 hours, and nothing in a month without any."""

import math
import os

import msgspec
import numpy as np
import pytest
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.drift.field_shares import shares_of
from operators.drift.lasting_state import Lasting
from operators.profiles.binning import bins_of
from operators.profiles.build import build
from operators.profiles.profile import HOURS, Field
from operators.profiles.seasons import MONDAY, by_hour, expected
from operators.spans import HOUR_MS
from operators.stats.share_detector import Shares
from operators.window.series_index import SliceSeries

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RATE = 1_000
kinds = pytest.mark.parametrize("kind", ["number", "category"])


def is_night(hours: Ints) -> Floats:
    return np.where((hours % 24 < 6) | (hours % 24 >= 22), 1.0, 0.0)


def values(rng: np.random.Generator, kind: str, hours: Ints, moved: float = 0.0) -> list[object]:
    """Numbers are 1.5 deviations higher by night; 30 % say yes by day, half by night. `moved`: deviations or share."""
    if kind == "number":
        return list(rng.normal(1.5 * is_night(hours) + moved).tolist())
    return list(np.where(rng.random(len(hours)) < 0.3 + 0.2 * is_night(hours) + moved, "yes", "no").tolist())


def hours_of(rng: np.random.Generator, rate: int) -> Ints:
    """The hour of each event of a week: by night comes a fifth of the traffic."""
    hours = np.arange(HOURS)
    return np.repeat(hours, rng.poisson(rate * np.where(is_night(hours) > 0, 0.2, 1.0)))


def profile_of(rng: np.random.Generator, kind: str, rate: int) -> Field:
    """A profile of one week of the same shop."""
    hours = hours_of(rng, rate)
    columns = {"x": values(rng, kind, hours)}
    return by_hour(build(columns), columns, {"x": hours}).fields["x"]  # type: ignore[arg-type]


def shares_by_hour(field: Field) -> list[Shares]:
    rows = [np.rint(expected(field, (MONDAY + hour) * HOUR_MS, HOUR_MS)) for hour in range(HOURS)]
    bare = [
        msgspec.structs.replace(field, counts=tuple(row.astype(int).tolist()), hours=UNSET, hour_moments=UNSET)
        for row in rows
    ]
    return [shares_of(each, 0.1, 0.01) for each in bare]


def found_at(rng: np.random.Generator, kind: str, rate: int, weeks: int, moved: float, since: int) -> float:
    """Return after how many hours it is BAD, of a change that begins then; negative for what begins before it."""
    field = profile_of(rng, kind, rate)
    shares, kept = shares_by_hour(field), Lasting()
    names, limits = [SliceSeries("m", "v", "*", {})], np.array([math.log(HOURS / 0.1)])
    for hour in range(weeks * HOURS):
        size = int(rng.poisson(rate * (0.2 if is_night(np.array([hour]))[0] else 1.0)))
        drawn = values(rng, kind, np.full(size, hour), moved if hour >= since else 0.0)
        counts = np.bincount(bins_of(field, drawn), minlength=field.bins)[None]  # type: ignore[arg-type]
        window = hour * HOUR_MS, (hour + 1) * HOUR_MS
        rows, evidence, _ = kept.step(shares[hour % HOURS], names, counts, np.ones(1), limits, window)
        if kept.bad[rows].any():
            return hour + 1 - since
        kept.begin_anew(rows[evidence <= 0], window[1])
    return math.inf


@kinds
@pytest.mark.parametrize("rate", [30, RATE])
def test_a_month_without_a_change(kind: str, rate: int) -> None:
    """At most 0.2 alarms a week; each month has a profile of its own."""
    months, weeks = (25, 4) if PROVE else (1, 4 if rate < RATE else 2)
    rng = np.random.default_rng([11, rate])
    found = [found_at(rng, kind, rate, weeks, 0.0, 0) for _ in range(months)]
    assert sum(map(math.isfinite, found)) <= (0.2 * months * weeks if PROVE else 0)


@kinds
def test_small_changes_are_found_within_12_hours(kind: str) -> None:
    """A shift by 0.2 deviations, 5 points more of yes: at noon, and as the night of little traffic begins."""
    rng = np.random.default_rng(12)
    moved = {"number": 0.2, "category": 0.05}[kind]
    for since, within in ((36, 12), (46, 18)):
        found = [found_at(rng, kind, RATE, 1, moved, since) for _ in range(20 if PROVE else 1)]
        assert 0 < np.median(found) <= within
