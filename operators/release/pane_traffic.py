"""The traffic of all models of a shard in a closed pane: what every model remembers, whatever is under way.

It is read from the columns of the pane once for all models. Anything else known about a pane is only looked up where
something happens to a model (`contexts.py`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.release.model_slots import ModelSlots
from operators.release.seen import NOTHING_SEEN, Seen
from operators.release.traffic import bucket_of, hour_of
from operators.rules.pane_counts import PaneCounts
from operators.window.partial import BAD, GOOD, NEITHER, Partial
from operators.window.series_index import SliceSeries
from operators.wire.mirrored import is_mirrored


class VersionTraffic(NamedTuple):
    """All traffic of a version, at a row of the pane: `counts` are its requests, then good and bad of each SLI."""

    version: str
    row: int
    counts: list[int]

    @property
    def requests(self) -> int:
        return self.counts[0]


class ScoredVersion(NamedTuple):
    """Judgements of a version by one SLI: how many count, and how many count neither way."""

    version: str
    sli: str
    counted: int
    neither: int


class PaneTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """A pane, with the minute (`bucket`) and `hour` it is in. `came` is by model, with versions that answer copies.

    A version is no longer known `known` panes after its last request. `scored` is by model, where there are judgements.
    `by_version` keeps the results of `requests`.
    """

    pane: int
    bucket: int
    hour: int
    known: int
    came: Mapping[str, Sequence[VersionTraffic]] = {}
    scored: Mapping[str, Sequence[ScoredVersion]] = {}
    seen: Seen = NOTHING_SEEN
    by_version: dict[str, dict[str, int]] = {}

    def requests(self, model: str) -> dict[str, int]:
        """Return the requests of a model by version, without those of copies."""
        known = self.by_version.get(model)
        if known is None:
            came = self.came.get(model, ())
            known = self.by_version[model] = {
                each.version: each.counts[0] for each in came if not is_mirrored(each.version)
            }
        return known


def traffic_of(
    counts: PaneCounts, names: Sequence[SliceSeries], slots: ModelSlots, part: Partial | None, policy: Policy
) -> PaneTraffic:
    """Return the traffic of a pane; `slots` are those of the names."""
    rows = slots.versions(counts)
    series = [names[slot] for slot in counts.slots[rows].tolist()]
    slis = counts.slis.take(rows, axis=0)
    of_slis = slis[:, :, GOOD : BAD + 1].reshape(len(rows), 2 * slis.shape[1])
    counted = np.hstack((counts.events[rows, None], of_slis)).tolist()
    came: dict[str, list[VersionTraffic]] = {}
    for name, row, each in zip(series, rows.tolist(), counted, strict=True):
        came.setdefault(name.model, []).append(VersionTraffic(name.version, row, each))
    return PaneTraffic(
        pane=counts.pane,
        bucket=bucket_of(counts.pane, policy.pane_ms),
        hour=hour_of(counts.pane, policy.pane_ms),
        known=policy.releases.known_ms // policy.pane_ms,
        came=came,
        scored=_scored(series, slis, policy),
        seen=Seen.of(part),
    )


def _scored(series: Sequence[SliceSeries], slis: Ints, policy: Policy) -> dict[str, list[ScoredVersion]]:
    """Return the judgements of the versions, whose SLIs were counted as `slis` (series, S, 3)."""
    found: dict[str, list[ScoredVersion]] = {}
    scored = [index for index, sli in enumerate(policy.slis) if sli.scored]
    of_scored = slis[:, scored]
    for row, place in np.argwhere(of_scored.any(axis=2)) if of_scored.any() else ():
        good, bad, neither = slis[row, scored[place], [GOOD, BAD, NEITHER]].tolist()
        name = series[row]
        sli = policy.slis[scored[place]].name
        found.setdefault(name.model, []).append(ScoredVersion(name.version, sli, good + bad, neither))
    return found
