"""A week in which nothing changes, through the engine: 200 features in 50 slices alarm at most as often as promised.

Closed panes are made directly, an hour each, because a week of such traffic is 800 million values.
"""

import os
from collections import Counter
from functools import cache

import numpy as np

from operators.arrays import Floats
from operators.drift.false_alarms import of_contract, of_shifts
from operators.drift.monitors import Monitors
from operators.policy.policy import Policy
from operators.profiles.build import build
from operators.window.leaf_index import LeafSeries
from operators.window.partial import MAX, NEG_MIN, Z_UNIT, Partial
from operators.window.sums import split_limbs
from tests.drifting import START_MS, H, policy_of

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
HOURS = 168 if PROVE else 6
FEATURES, REGIONS, EVENTS = (200 if PROVE else 60), 49, 500
MONITORS = "".join(
    f'[[monitor]]\nname = "{kind}"\nkind = "{kind}"\non = "*"\nslices = ["*", "region"]\n'
    for kind in ("psi", "contract")
)


@cache
def policy() -> Policy:
    rng = np.random.default_rng(1)
    return policy_of(MONITORS, build({f"features.f{i:03}": _values(rng, i, 20_000).tolist() for i in range(FEATURES)}))


def _values(rng: np.random.Generator, feature: int, size: int) -> Floats:
    """A third is normal, a third skewed, a third counts."""
    kinds = (rng.normal(size=size), rng.lognormal(size=size), rng.integers(0, 6, size).astype(float))
    return np.asarray(kinds[feature % 3])


def closed(rng: np.random.Generator, pane: int) -> Partial:
    """A pane of an hour with so many events of each region, each feature as the reference has it."""
    shape = REGIONS, FEATURES
    cells, moments, ranges = [], np.zeros((*shape, 5), np.int64), np.empty((*shape, 2))
    for index, watched in enumerate(policy().watched):
        assert watched.field is not None
        values = _values(rng, int(watched.name[-3:]), REGIONS * EVENTS).reshape(REGIONS, EVENTS)
        bins = np.searchsorted(watched.field.edges, values, side="right") + np.arange(REGIONS)[:, None] * watched.bins
        counts = np.bincount(bins.ravel(), minlength=REGIONS * watched.bins).reshape(REGIONS, watched.bins)
        row, bin_ = np.nonzero(counts)
        cells.append(np.column_stack((row * policy().bins + watched.offset + bin_, counts[row, bin_])))
        z = (values - watched.centre) / watched.scale
        sums = (np.rint(each / Z_UNIT).astype(np.int64) for each in (z, z * z))
        parts = (np.ones_like(z, np.int64), *(limb for each in sums for limb in split_limbs(each)))
        moments[:, index] = np.column_stack([part.sum(axis=1) for part in parts])
        ranges[:, index, NEG_MIN], ranges[:, index, MAX] = -values.min(axis=1), values.max(axis=1)
    features = np.concatenate(cells)
    return Partial(
        series=[LeafSeries("m", "v1", (f"r{region:02}",)) for region in range(REGIONS)],
        error_types=[""],
        which=np.arange(REGIONS),
        pane=np.full(REGIONS, pane),
        late=np.zeros(REGIONS, np.int64),
        events=np.full(REGIONS, EVENTS),
        slis=np.zeros((REGIONS, 1, 3), np.int64),
        sums=np.zeros((REGIONS, 2, 3), np.int64),
        extremes=np.full((REGIONS, 2, 2), -np.inf),
        outcomes=np.zeros((0, 3), np.int64),
        cells=np.zeros((0, 2), np.int64),
        bins=policy().bins,
        features=features[np.argsort(features[:, 0], kind="stable")],
        moments=moments,
        ranges=ranges,
    )


def test_no_more_alarms_than_promised() -> None:
    rng = np.random.default_rng(2)
    engine = Monitors(policy())
    first = START_MS // policy().pane_ms
    alarms: Counter[str] = Counter()
    judged = 0
    for hour in range(HOURS):
        pane = first + 60 * hour + 59
        said = engine.step(pane, closed(rng, pane), {})
        judged += sum(drift.monitor == "psi" for series in said.series for drift in series.found)
        alarms.update(drift.monitor for drift in said.drifts if drift.word == "BAD")
    assert judged == HOURS * FEATURES * (REGIONS + 1)
    for name, promised in (("psi", of_shifts(0.001, H)), ("contract", of_contract(5.0, H, FEATURES, REGIONS + 1))):
        expected = promised * HOURS / 168
        assert alarms[name] <= expected + 3 * expected**0.5
