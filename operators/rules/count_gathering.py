"""The SLI counts of panes, gathered by release and finest slice until they are compared."""

from collections.abc import Collection, Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.pane_counts import PaneCounts
from operators.rules.pooled_strata import PooledStrata
from operators.rules.recurring import Recurring, left_out
from operators.rules.served_places import ServedPlaces
from operators.rules.thinning import thinned
from operators.rules.value_gathering import Shares
from operators.window.chains import COMPARED, NOT_MEANT
from operators.window.partial import BAD
from operators.window.series_index import SliceSeries

Served = Sequence[tuple[SliceSeries, Ints]]  # Of a version, at the finest slices.


def add_counts(
    canary: CanaryState, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]
) -> Shares:
    """Add what versions of releases served, by finest slice, to the running blip; return the shares that count.

    All of it is added at once where the strata are known, and neither chains nor cohorts have to be thinned.
    """
    if counts.chains is not None or canary.waits or not canary.strata or not releases:
        return _add_each(canary, counts, names, releases)
    pooled = canary.pooled_strata()
    places = canary.places
    if places is None or places.pooled is not pooled or places.names is not names:
        places = canary.places = ServedPlaces(pooled, names, canary.finest)
    places.follow()
    row = np.full(len(names), -1)
    row[counts.slots] = np.arange(len(counts.slots))
    known = {release for release in pooled.releases if {(release, 0), (release, 1)} <= canary.recurring.keys()}
    known -= {release for slot, some in places.open.items() if row[slot] >= 0 for release in some}
    shares = _add_at_once(canary, counts, places, row[places.slot], known & set(releases))
    others = [release for release in releases if release not in known]
    return {**shares, **_add_each(canary, counts, names, others)} if others else shares


def _add_at_once(
    canary: CanaryState, counts: PaneCounts, places: ServedPlaces, row: Ints, releases: Collection[Comparison]
) -> Shares:
    """Add the rows (E,) of a pane that belong to these releases; -1 marks none."""
    pooled, pane, at_once = places.pooled, counts.pane, canary.at_once
    wanted = np.array([release in releases for release in pooled.releases], bool)
    some = np.flatnonzero((row >= 0) & wanted[pooled.release[places.stratum]])
    row, stratum, arm = row[some], places.stratum[some], places.arm[some]
    served = np.bincount(pooled.release[stratum], minlength=len(pooled.releases)) > 0
    pooled.open(served, canary.begun(pane), canary.blip_panes, canary.blipped)
    came = counts.units[row][:, canary.slis][:, at_once]
    place = stratum[:, None], at_once[None, :], 2 * arm[:, None]
    pooled.pending[place] += came.sum(axis=2)  # Each stratum and version is one slot, so no place occurs twice.
    pooled.pending[place[0], place[1], place[2] + 1] += came[:, :, BAD]
    return _shares(canary, counts, pooled, row, pooled.release[stratum] * 2 + arm)


def _shares(canary: CanaryState, counts: PaneCounts, pooled: PooledStrata, row: Ints, arm: Ints) -> Shares:
    """Return the share of events that counts, by release, where not all events of both versions do."""
    events = np.zeros((2, 2 * len(pooled.releases)), np.int64)
    np.add.at(events[0], arm, counts.slis[row][:, canary.by_event, :COMPARED].sum(axis=(1, 2)))
    np.add.at(events[1], arm, counts.units[row][:, canary.by_event].sum(axis=(1, 2)))
    every, once = events.reshape(2, -1, 2)
    served = np.bincount(arm // 2, minlength=len(pooled.releases)) > 0
    return {
        pooled.releases[number]: [
            counted / asked if asked else canary.recurring[pooled.releases[number], version].share
            for version, (asked, counted) in enumerate(zip(every[number].tolist(), once[number].tolist(), strict=True))
        ]
        for number in np.flatnonzero(served & ((every != once) | (every == 0)).any(axis=1)).tolist()
    }


def _add_each(
    canary: CanaryState, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]
) -> Shares:
    """Add counts release by release, leaving out chains that come again and again."""
    shares: dict[Comparison, list[float]] = {}
    by_event, chains = canary.by_event, counts.chains
    if chains is not None:  # All but chains of labels.
        chains = chains.some((chains.classes[:, by_event] != NOT_MEANT).any(axis=1))
    # All events of each row, and those that count when each chain counts once.
    every = counts.slis[:, by_event, :COMPARED].sum(axis=(1, 2)).tolist()
    once = counts.units[:, by_event].sum(axis=(1, 2)).tolist()
    came = np.zeros((len(counts.slots), canary.columns, 2), np.int64)
    came[:, canary.at_once] = counts.units[:, canary.slis][:, canary.at_once]
    served = _rows_served(canary, counts, names, releases)
    for release in releases:
        arms = [served.get((release.model, arm), {}) for arm in (release.candidate, release.baseline)]
        if any(arms):
            both, shares[release] = [], []
            for number, rows in enumerate(arms):
                known = canary.recurring.setdefault((release, number), Recurring())
                usual, out = known.share, left_out(known, chains, rows)
                both.append([(names[slot], _less(canary, came[row], out.get(slot))) for slot, row in rows.items()])
                less = sum(int(out[slot][by_event].sum()) for slot in out)
                asked = sum(every[row] for row in rows.values())
                counted = sum(once[row] for row in rows.values()) - less
                shares[release].append(counted / asked if asked else usual)
                _thin_cohorts(canary, both[number], shares[release][number], counts.pane)
                _leave_out(both[number], _too_soon(canary, release, counts.pane))
            canary.open_strata(release, counts.pane).add(both[0], both[1])
    return shares


def _rows_served(
    canary: CanaryState, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]
) -> dict[tuple[str, str], dict[int, int]]:
    """Return the row of each finest slot, by model and version of the releases."""
    wanted = {(release.model, arm) for release in releases for arm in (release.candidate, release.baseline)}
    served: dict[tuple[str, str], dict[int, int]] = {}
    for row, slot in enumerate(counts.slots.tolist()):
        name = names[slot]
        if name[:2] in wanted and name.dims.keys() == canary.finest:
            served.setdefault(name[:2], {})[slot] = row
    return served


def _thin_cohorts(canary: CanaryState, served: Served, share: float, pane: int) -> None:
    """Thin the requests of SLIs by cohorts to the same share as events, as their chains are not known."""
    for sli in canary.waits:
        for name, came in served:
            came[sli] = thinned(came[sli], share, pane, name.text)


def _too_soon(canary: CanaryState, release: Comparison, pane: int) -> list[int]:
    """Return the SLIs by cohorts whose requests in this pane were made before the comparison, or in a cold pane."""
    cold = canary.cold.get(release, ())
    return [sli for sli, wait in canary.waits.items() if pane - wait < release.begins or pane - wait in cold]


def _leave_out(served: Served, slis: Sequence[int]) -> None:
    for _, came in served if slis else ():
        came[slis] = 0


def _less(canary: CanaryState, came: Ints, out: Ints | None) -> Ints:
    """Return the counts of a finest slice without those that do not count."""
    less = came.copy()
    if out is None:
        return less
    less[canary.at_once] -= out[canary.slis][canary.at_once]
    return less
