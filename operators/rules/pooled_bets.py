"""E-processes of a canary rule bet at once on the counts of a blip, for all releases of which nothing is new."""

import numpy as np

from operators.arrays import runs_of
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.guard import pure
from operators.rules.pooled_strata import EndedWindows
from operators.rules.process_places import ProcessPlaces
from operators.stats.multiple_testing import Bools


def bet_at_once(canary: CanaryState, pane: int) -> list[Comparison]:
    """Give the e-processes the counts of SLIs in windows that end before a pane; return the releases left out.

    Left out are those with a new process or a new share of alpha, or with strata that reveal outcomes (`guard.py`).
    """
    if not canary.strata:
        return []
    pooled, slis = canary.pooled_strata(), canary.blipped
    places = canary.process_places
    if places is None or not places.fits(pooled, canary.placed):
        places = canary.process_places = ProcessPlaces(pooled, canary.placed, len(canary.grains), canary.columns)
    ended = pooled.ended(pane, slis)
    stratum, place = np.nonzero(pooled.comparable(slis) & ended[pooled.release])
    known = places.known(stratum, slis[place], canary.spent)
    known &= ~(_may_be_guarded(canary, ended) | (ended.any(axis=1) & ~places.spends(canary.spent)))
    _step(canary, places, pooled.take(ended & known[:, None], slis))
    return [pooled.releases[number] for number in np.flatnonzero(~known).tolist()]


def _may_be_guarded(canary: CanaryState, ended: Bools) -> Bools:
    """Return which releases have strata of which nearly nothing is good, in windows that have `ended`, (R,)."""
    pooled = canary.pooled_strata()
    if not (canary.dimensions and () in canary.grains):
        return np.zeros(len(pooled.releases), bool)
    found = pure(pooled.seen[:, canary.blipped]) & ended[pooled.release] & (canary.blipped < len(canary.rule.slis))
    return np.bincount(pooled.release[found.any(axis=1)], minlength=len(pooled.releases)) > 0


def _step(canary: CanaryState, places: ProcessPlaces, windows: EndedWindows) -> None:
    """Let processes take the windows that ended, all of the same time at once."""
    comparison, which = places.processes(windows.stratum, windows.sli)
    order = np.lexsort((which, windows.panes[comparison], windows.begins[comparison]))
    comparison, which = comparison[order], which[order]
    begins, panes, counts = windows.begins[comparison], windows.panes[comparison], windows.counts[comparison]
    canary.processes.grow(len(canary.of))
    starts = np.flatnonzero(runs_of(begins, panes))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(which)], strict=False):
        canary.words = []
        canary.processes.step(int(begins[start]), which[start:end], counts[start:end], int(panes[start]))
