"""False findings of PSI where a user has several events in a window, and how soon half a sigma is found.

python -m tests.bench.simulate_dependence       # 50 slices of 100 features, a week of hours: an hour of one core
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.false_alarms import of_shifts
from operators.stats.design_effect import BUCKETS, design_effect, pairs_of
from operators.stats.multiple_testing import benjamini_hochberg
from operators.stats.psi import ALPHA, shift

HOUR_MS = 3_600_000
REFERENCE = 100_000
BINS = 10


def users_of(rng: np.random.Generator, k: Ints) -> Ints:
    """Return the buckets of a window of users with so many events each."""
    return np.bincount(rng.integers(0, BUCKETS, len(k)), weights=k, minlength=BUCKETS).astype(np.int64)


def false_findings(
    rng: np.random.Generator, k: int, n: int, windows: int, slices: int, features: int, *, as_events: bool = False
) -> int:
    """Return how many fields and slices are named in so many windows of n events, k of each user, without any change.

    `as_events`: as if each event were independent.
    """
    users = max(n // k, 1)
    shares = np.full(BINS, 1 / BINS)
    named = 0
    for _ in range(windows):
        reference = rng.multinomial(REFERENCE, shares, features)
        current = k * rng.multinomial(users, shares, (slices, features))
        buckets = np.array([users_of(rng, np.full(users, k)) for _ in range(slices)])
        design = design_effect(pairs_of(buckets), current[:, 0].sum(axis=1))[:, None]
        p = shift(current, reference, designs=(np.ones_like(design) if as_events else design, 1.0)).p
        named += int(benjamini_hochberg(p.ravel(), ALPHA).sum())
    return named


def found_of(rng: np.random.Generator, n: int, windows: int, sigma: float, *, as_events: bool = False) -> Floats:
    """Return the p-value of each of so many windows of n users with an event each, moved by so many deviations."""
    edges = np.quantile(rng.normal(size=REFERENCE), np.arange(1, BINS) / BINS)
    reference = _binned(rng.normal(size=(1, REFERENCE)), edges)[0]
    current = _binned(rng.normal(sigma, size=(windows, n)), edges)
    buckets = np.array([users_of(rng, np.ones(n, np.int64)) for _ in range(windows)])
    design = np.ones(windows) if as_events else design_effect(pairs_of(buckets), np.full(windows, n))
    return shift(current, reference, designs=(design, 1.0)).p


def _binned(values: Floats, edges: Floats) -> Ints:
    return np.array([np.bincount(np.searchsorted(edges, row), minlength=BINS) for row in values])


def main(ks: Sequence[int] = (1, 2, 3, 6, 10), sizes: Sequence[int] = (60, 100, 300, 1_000, 3_000)) -> None:
    rng = np.random.default_rng(17)
    promised = of_shifts(ALPHA, HOUR_MS)
    print(f"false findings a week, promised {promised:.3f}; as users, as events")
    for k in ks:
        for n in sizes:
            found = [false_findings(rng, k, n, 168, 50, 100, as_events=each) for each in (False, True)]
            print(f"k={k:3} n={n:5}: {found[0]:8,} {found[1]:8,}", flush=True)
    for n in (100, 200, 300):
        shares = [float((found_of(rng, n, 2_000, 0.5, as_events=each) < 2e-7).mean()) for each in (False, True)]
        print(f"half a sigma, one event a user, n={n}: found in {shares[0]:.1%} of windows, as events {shares[1]:.1%}")


if __name__ == "__main__":
    main()
