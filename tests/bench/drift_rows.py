"""Prints how many rows of drift a day has: 100 features in 50 slices, of two versions, by hour, nothing changing.

PSI is computed of counts that are drawn from the profile, so many events an hour and slice; a row of each field, slice
and window is what was stored before. Seeded.
"""

from collections import Counter

import numpy as np

from operators.arrays import Ints
from operators.drift.ended_window import Ended
from operators.drift.last_week import LastWeek
from operators.drift.psi_monitor import Psi, shifts
from operators.drift.unchanged import Unchanged
from operators.drift.window_sums import Sums
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import to_json
from operators.window.series_index import SliceSeries
from tests.policies import base, sli, table

FEATURES, SLICES, HOURS, HOUR_MS = 100, 50, 24, 3_600_000
VERSIONS = ("v1", "v2")
MONITOR = """
[drift]
profile = "p.json"
[[monitor]]
name = "shift"
kind = "psi"
on = "*"
slices = ["*", "region"]
"""


def day(events: int) -> Counter[str]:
    """Return how many rows of which table a day has with so many events an hour and slice."""
    rng, policy, rows, unchanged = np.random.default_rng(1), _policy(), Counter[str](), Unchanged()
    (monitor,) = (each for each in policy.monitors if isinstance(each, Psi))
    names = [
        SliceSeries("m", version, f"region=r{at}" if at else "*", {"region": f"r{at}"} if at else {})
        for version in VERSIONS
        for at in range(SLICES + 1)
    ]
    for hour in range(HOURS):
        found = shifts(monitor, _ended(policy, names, hour, _counts(policy, events, rng)))
        own, windows = unchanged.split(found)
        rows += Counter({"before": len(found), "drift": len(own), "drift_window": len(windows)})
        rows += Counter(f"drift, {drift.word}" for drift in own)
    return rows


def _policy() -> Policy:
    columns = {f"features.f{at}": np.random.default_rng(at).normal(size=10_000).tolist() for at in range(FEATURES)}
    text = base("region", pane="1m", tumbling=["1m"]) + table("dedup", horizon="0s") + sli("ok", "no_error") + MONITOR
    return parse(text, {"p.json": to_json(build(columns))})


def _counts(policy: Policy, events: int, rng: np.random.Generator) -> Ints:
    """Return the bins of every series, (series, bins): regions by chance, and all traffic as their sum."""
    counts = np.zeros((len(VERSIONS), SLICES + 1, policy.bins), np.int64)
    for watched in policy.watched:
        field = watched.field
        if field is not None:
            p = np.array(field.counts, float)
            drawn = rng.multinomial(events, p / p.sum(), size=(len(VERSIONS), SLICES))
            counts[:, 1:, watched.offset : watched.offset + watched.bins] = drawn
    counts[:, 0] = counts[:, 1:].sum(axis=1)
    return counts.reshape(-1, policy.bins)


def _ended(policy: Policy, names: list[SliceSeries], hour: int, counts: Ints) -> Ended:
    sums = Sums(policy)
    sums.only(np.arange(len(names)))
    sums.counts = counts
    return Ended(
        policy=policy, window_ms=HOUR_MS, end=(hour + 1) * HOUR_MS, sums=sums, names=names, used=np.arange(len(names)),
        past=LastWeek(policy), arms={}, offenders={}, lasting={}, labels={},
    )  # fmt: skip


def main() -> None:
    """Print the table."""
    print("| events an hour and slice | rows before | `drift` | of them BAD | INSUFFICIENT | `drift_window` |")
    for events in (20, 50, 60, 100, 1_000):
        of = day(events)
        print(
            f"| {events} | {of['before']:,} | {of['drift']:,} | {of['drift, BAD']:,}"
            f" | {of['drift, INSUFFICIENT']:,} | {of['drift_window']:,} |"
        )


if __name__ == "__main__":
    main()
