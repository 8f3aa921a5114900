"""Small changes that stay: how soon they are found, and how often there is an alarm in a month without any.

python -m tests.bench.simulate_lasting       # some minutes of one core
"""

import math
from collections.abc import Callable

import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.field_shares import shares_of
from operators.drift.lasting_state import Lasting
from operators.profiles.build import category_field, number_field
from operators.profiles.profile import Field
from operators.stats.psi import shift
from operators.stats.share_detector import Shares
from operators.window.series_index import SliceSeries

HOUR_MS, WEEK = 3_600_000, 168
Draw = Callable[[np.random.Generator, int], Ints]


def numbers(rng: np.random.Generator, rows: int, moved: float = 0.0) -> tuple[Field, Floats]:
    """Return the profile of normal values, and the shares of its bins once they are moved by so many deviations."""
    field = number_field(rng.normal(size=rows))
    upto = np.array([0.0, *(0.5 * math.erfc(-(edge - moved) / math.sqrt(2)) for edge in field.edges), 1.0])
    return field, np.r_[np.diff(upto), 0.0, 0.0]


def categories(rng: np.random.Generator, rows: int, share: float, moved: float = 0.0) -> tuple[Field, Floats]:
    """Return the profile of yes and no, and the shares once that of yes has moved by `moved`."""
    yes = int(rng.binomial(rows, share))
    field = category_field(["yes"] * yes + ["no"] * (rows - yes))
    return field, np.array([1 - share - moved, share + moved, 0.0, 0.0])


def missing(rng: np.random.Generator, rows: int, moved: float) -> tuple[Field, Floats]:
    field, shares = numbers(rng, rows)
    return field, np.r_[shares[:-2] * (1 - moved), moved, 0.0]


def found_at(
    rng: np.random.Generator, field: Field, shares: Floats, n: int, hours: int, *, tests: int = 1, series: int = 1
) -> Floats:
    """Return by series after how many hours of n events a change is BAD, infinite without; `tests` share the alarms."""
    watched: Shares = shares_of(field, 0.1, 0.01)
    kept, at = Lasting(), np.full(series, np.inf)
    names = [SliceSeries("m", "v", str(number), {}) for number in range(series)]
    limits, ones = np.full(series, math.log(WEEK * tests / 0.1)), np.ones(series)
    for hour in range(hours):
        counts = rng.multinomial(n, shares, series)
        window = hour * HOUR_MS, (hour + 1) * HOUR_MS
        rows, evidence, _ = kept.step(watched, names, counts, ones, limits, window)
        at[kept.bad[rows] & ~np.isfinite(at)] = hour + 1
        kept.begin_anew(rows[evidence <= 0], window[1])
    return at


def alarms(rng: np.random.Generator, n: int, rows: int, series: int, hours: int = 4 * WEEK) -> int:
    """Return how many of 2 * `series` alarm in a month of hours without any change, each with a profile of its own."""
    null = [found_at(rng, *numbers(rng, rows), n, hours) for _ in range(series)]
    null += [found_at(rng, *categories(rng, rows, 0.5), n, hours) for _ in range(series)]
    return int(np.isfinite(null).sum())


def by_psi(field: Field, shares: Floats, n: int) -> bool:
    """Tell whether PSI finds it in a window of n events with exactly these shares."""
    counts = np.rint(n * shares).astype(np.int64)
    return bool(shift(counts, np.array(field.counts, np.int64)).alarm)


CASES: dict[str, Callable[[np.random.Generator], tuple[Field, Floats]]] = {
    "0.2 sigma": lambda rng: numbers(rng, 20_000, 0.2),
    "0.3 sigma": lambda rng: numbers(rng, 20_000, 0.3),
    "+5 points of 50 %": lambda rng: categories(rng, 20_000, 0.5, 0.05),
    "+5 points of 10 %": lambda rng: categories(rng, 20_000, 0.1, 0.05),
    "+15 points of 30 %": lambda rng: categories(rng, 20_000, 0.3, 0.15),
    "20 % of a category turned": lambda rng: categories(rng, 20_000, 0.6, -0.12),
    "missing 0 to 1 %": lambda rng: missing(rng, 20_000, 0.01),
}


def main() -> None:
    rng = np.random.default_rng(8)
    for name, made in CASES.items():
        for tests in (1, 5_000):
            at = np.r_[*(found_at(rng, *made(rng), 1_000, 48, tests=tests, series=5) for _ in range(20))]
            half, most = np.quantile(at, (0.5, 0.95), method="nearest")
            print(f"{name}, {tests} fields and slices: found after {half:.0f} h, 95 % {most:.0f}")
        print(f"  PSI of 100,000 events: {'found' if by_psi(*made(rng), 100_000) else 'never found'}")
    for n, rows in ((30, 1_000), (1_000, 1_000), (1_000, 20_000), (10_000, 20_000)):
        count = alarms(rng, n, rows, 25)
        print(f"null month, {n} an hour, profiles of {rows}: {count / 50 / 4:.4f} alarms a week and field")


if __name__ == "__main__":
    main()
