"""The counts and labels of panes, gathered by release and finest slice until compared: blips, blocks, windows."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from operators.arrays import Ints
from operators.rules.asked_requests import PaneRequests
from operators.rules.canary_state import CanaryState
from operators.rules.canary_words import is_bad
from operators.rules.cohorts import Block
from operators.rules.comparison import Comparison
from operators.rules.count_gathering import add_counts
from operators.rules.exceeding import renew
from operators.rules.label_chains import labels_by_sli, share_of_labels, smaller
from operators.rules.label_delays import LabelDelays
from operators.rules.labels import Labels
from operators.rules.pane_counts import PaneCounts
from operators.rules.pooled_bets import bet_at_once
from operators.rules.recurring import Recurring
from operators.rules.spreads import Spreads
from operators.rules.strata import ComparedWindow
from operators.rules.value_gathering import add_values
from operators.stats.spending import Spending
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries, described

Served = Sequence[tuple[SliceSeries, Ints]]  # Of a version, at the finest slices.


def gather(
    canary: CanaryState,
    counts: PaneCounts,
    names: Sequence[SliceSeries],
    releases: Sequence[Comparison],
    spreads: Spreads,
    warming: Collection[Comparison] = (),
) -> None:
    """Add what came in with a pane to the running blip; where a blip ends, the processes bet on its counts.

    Releases that are `warming` count for nothing but the limits of their measures.
    """
    number, place = divmod(counts.pane, canary.blip_panes)
    if canary.blip is not None and number != canary.blip:
        _end_blip(canary)
    if len(counts.slots) and releases:
        cold = set(warming)
        compared = [each for each in releases if counts.pane >= each.begins and each not in cold]
        _note_cold(canary, counts.pane, warming)
        shares = add_counts(canary, counts, names, compared)
        add_values(canary, counts.pane, spreads, releases, set(compared), shares)
    canary.blip = number
    if place == canary.blip_panes - 1:
        _end_blip(canary)


def gather_labels(
    canary: CanaryState,
    counts: PaneCounts,
    names: Sequence[SliceSeries],
    releases: Sequence[Comparison],
    labels: Labels,
    delays: LabelDelays,
) -> None:
    """Take the labels of a pane; where a block of them is mature, the processes bet on its counts."""
    requests = PaneRequests(counts, names, canary.finest) if releases and canary.labelled.slis else None
    shares = _label_shares(canary, counts, names, releases, labels)
    for release, sli, block in canary.labelled.take(counts.pane, releases, labels, delays, requests, shares):
        if block.renewed:
            _renew(canary, release, sli)
        canary.shares.take(release, sli, block)
        if block.late:
            canary.words = []
        else:
            _add_labels(canary, release, sli, block)


def _label_shares(
    canary: CanaryState,
    counts: PaneCounts,
    names: Sequence[SliceSeries],
    releases: Sequence[Comparison],
    labels: Labels,
) -> dict[Comparison, Mapping[int, float]]:
    """Return, for each release, the share of a pane's labels that counts, by SLI; 1 where there is none."""
    slis = list(canary.labelled.slis.values())
    shares: dict[Comparison, Mapping[int, float]] = {}
    for release in releases if counts.chains is not None and len(labels.names) else ():
        of_arms = []
        for arm, version in enumerate((release.candidate, release.baseline)):
            came = labels_by_sli(labels, release.model, version, slis)
            mine = [slot for slot in counts.slots.tolist() if names[slot][:2] == (release.model, version)]
            known = canary.raters.setdefault((release, arm), Recurring())
            of_arms.append(share_of_labels(known, counts.chains, np.array(mine, np.int64), came))
        shares[release] = smaller(*of_arms)
    return shares


def _note_cold(canary: CanaryState, pane: int, warming: Collection[Comparison]) -> None:
    """Note a pane that is left out for `warming` releases, for as long as cohorts of its requests may count."""
    for release in warming if canary.waits else ():
        known = canary.cold.get(release, [])
        canary.cold[release] = [*(each for each in known if each >= pane - max(canary.waits.values())), pane]


def _end_blip(canary: CanaryState) -> None:
    """Give the e-processes the counts of the blip."""
    if canary.blip is not None:
        pane = (canary.blip + 1) * canary.blip_panes
        _bet(canary, pane, bet_at_once(canary, pane), canary.blipped)
    canary.gathered.settle()
    renew(list(canary.exceeding.values()))
    canary.blip = None


def _bet(canary: CanaryState, pane: int, releases: Sequence[Comparison], slis: Ints) -> None:
    """Give the e-processes the counts of some releases and SLIs in the windows that end before a pane."""
    ended: dict[tuple[int, int], tuple[list[int], list[Ints]]] = {}
    for release in releases:
        strata = canary.strata[release]
        for window in strata.take(pane, slis):
            numbers, blocks = ended.setdefault((window.begins, window.panes), ([], []))
            canary.spent.setdefault(release, Spending(columns=canary.columns)).take(window.of.tolist())
            _watch(canary, release, window)
            times = []
            for stratum, sli in zip(window.strata.tolist(), window.of.tolist(), strict=True):
                mine = canary.numbers_of(release, strata.names[stratum], sli)
                numbers += mine
                times.append(len(mine))
            blocks.append(np.repeat(window.counts, times, axis=0))
    canary.processes.grow(len(canary.of))
    for (begins, panes), (numbers, blocks) in ended.items():
        if numbers:
            which = np.array(numbers, np.int64)
            order = np.argsort(which, kind="stable")
            canary.words = []
            canary.processes.step(begins, which[order], np.concatenate(blocks)[order], panes)


def _watch(canary: CanaryState, release: Comparison, window: ComparedWindow) -> None:
    """Compare, without strata, how many requests are in slices of which nearly nothing is good."""
    slis = window.slis < len(canary.rule.slis)
    if canary.dimensions and () in canary.grains:
        taken = canary.guard.take(release, window.begins, window.panes, window.slis[slis], window.whole[slis])
        for sli in taken:
            canary.number_of(release, "*", {}, sli)
            canary.spent[release].take([sli])
            canary.words = []


def _renew(canary: CanaryState, release: Comparison, sli: int) -> None:
    """Begin the processes of an SLI anew: all that is known about it came from labels that were too young."""
    mine = {process for process in canary.of if (process.release, process.sli) == (release, sli)}
    canary.drop({process for process in mine if not is_bad(canary, process)})
    canary.shares.drop(release, sli)


def _add_labels(canary: CanaryState, release: Comparison, sli: int, block: Block) -> None:
    """Compare the labels of a block, after those of windows that ended before it."""
    served: list[list[tuple[SliceSeries, Ints]]] = [[], []]
    for side, version, labels in zip(served, (release.candidate, release.baseline), block.arms, strict=True):
        for values, (n, bad, _) in labels.items():
            came = np.zeros((canary.columns, 3), np.int64)
            came[sli, GOOD], came[sli, BAD] = n - bad, bad
            side.append((SliceSeries(release.model, version, *described(canary.dimensions, values)), came))
    strata, column = canary.strata_of(release), np.array([sli])
    _bet(canary, block.begins, [release], column)
    strata.open(block.begins, block.panes, column)
    strata.add(served[0], served[1])
    _bet(canary, block.begins + block.panes, [release], column)
