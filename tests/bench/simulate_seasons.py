"""A shop with a night: how many windows of a week alarm against a profile of the week before, by hour and as one.

python -m tests.bench.simulate_seasons
"""

from collections.abc import Callable

import numpy as np

from operators.arrays import Floats, Ints
from operators.profiles.build import build
from operators.profiles.profile import HOURS, Field
from operators.profiles.seasons import MONDAY, by_hour, expected
from operators.spans import HOUR_MS
from operators.stats.psi import Shift, shift

Level = Callable[[Ints], Floats]
SHOPS: dict[str, Level] = {
    "night": lambda hour: np.where((hour % 24 < 6) | (hour % 24 >= 22), 1.5, 0.0),
    "wave": lambda hour: np.sin(2 * np.pi * hour / 24),
    "night and weekend": lambda hour: np.where(hour % 24 < 7, 1.5, 0.0) + np.where(hour >= 120, 0.8, 0.0),
    "flat": lambda hour: np.zeros(len(hour)),
}


def drawn(rng: np.random.Generator, level: Level, rate: int) -> tuple[Floats, Ints]:
    """Return the values of a week with so many an hour, and the hour of each."""
    hours = np.repeat(np.arange(HOURS), rng.poisson(rate, HOURS))
    return rng.normal(level(hours)), hours


def profiles(rng: np.random.Generator, level: Level, rate: int) -> tuple[Field, Field]:
    """Return the profile of a week, as one and by hour."""
    values, hours = drawn(rng, level, rate)
    columns = {"x": values.tolist()}
    whole = build(columns)
    return whole.fields["x"], by_hour(whole, columns, {"x": hours}).fields["x"]


def week(rng: np.random.Generator, field: Field, level: Level, rate: int, moved: float = 0.0) -> Shift:
    """Judge each hour of another week, in which all values are moved by so much."""
    values, hours = drawn(rng, level, rate)
    bins = np.searchsorted(field.edges, values + moved, side="right")
    current = np.bincount(hours * field.bins + bins, minlength=HOURS * field.bins).reshape(HOURS, field.bins)
    reference = np.array([expected(field, (MONDAY + hour) * HOUR_MS, HOUR_MS) for hour in range(HOURS)])
    return shift(current, reference)


def main() -> None:
    for name, level in SHOPS.items():
        for rate in (30, 60, 200, 1_000):
            rng = np.random.default_rng(rate)
            found = [week(rng, field, level, rate) for field in profiles(rng, level, rate)]
            moved = [week(rng, field, level, rate, 0.7) for field in profiles(rng, level, rate)]
            alarms = " and ".join(f"{int(each.alarm.sum()):4}" for each in found)
            power = " and ".join(f"{int(each.alarm.sum()):4}" for each in moved)
            few = int((~found[1].enough).sum())
            size = float(np.median(found[1].n_reference))
            print(
                f"{name:18} {rate:5}/h: alarms {alarms} (by hour), insufficient {few}, worth {size:.0f}; moved {power}"
            )


if __name__ == "__main__":
    main()
