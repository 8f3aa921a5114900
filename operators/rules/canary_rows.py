"""What a canary rule has compared, as rows of table `evidence`: processes that have moved, and new ones."""

from collections.abc import Collection, Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_alphas import alphas_of
from operators.rules.canary_state import CanaryState, Slices
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process, Shown
from operators.rules.evidence_rows import About, Row, empty_columns, evidence_rows, process_columns
from operators.rules.needed_evidence import needed_each, needed_of
from operators.rules.shown_columns import word_codes
from operators.store.rows import Rows
from operators.window.series_index import SliceSeries
from operators.wire.control import Word


def about_of(canary: CanaryState, pane: int, policy: str) -> About:
    return About(
        rule=canary.rule.name,
        slis=canary.rule.slis,
        measures=tuple(limit.name for limit in canary.limits),
        at=(pane + 1) * canary.pane_ms,
        pane_ms=canary.pane_ms,
        policy=policy,
    )


def moved_rows(canary: CanaryState, about: About, words: Sequence[Word], whole: Sequence[Comparison]) -> list[Rows]:
    """Return the rows of processes that have moved (`evidence_log.py`), and all rows of the releases `whole`."""
    every, placed = np.arange(len(canary.of)), canary.placed
    alphas = alphas_of(canary, every)
    which = _due(canary, words, alphas, {placed.number[release] for release in whole})
    if not len(which):
        return []
    # Rows of all traffic first.
    which = np.concatenate((which[placed.whole[which]], which[~placed.whole[which]]))
    processes, needed = [canary.of[index] for index in which.tolist()], needed_of(canary, which, alphas[which])
    rows = [
        Row(process=process, series=canary.series[process], word=words[index], needed=each)
        for index, process, each in zip(which.tolist(), processes, needed, strict=True)
    ]
    return [evidence_rows(about, rows, process_columns(canary.kept, which, alphas[which], canary.pane_ms))]


def _due(canary: CanaryState, words: Sequence[Word], alphas: Floats, whole: Collection[int]) -> Ints:
    """Return the processes to be stored, with all of the releases `whole` (numbers), and note them as stored."""
    processes, placed, shown = canary.processes, canary.placed, canary.log.shown
    canary.shown.follow(canary.of, shown)
    events, of_all = processes.counts[:, 0], np.zeros(len(placed.by_release), bool)
    of_all[list(whole)] = True
    every = np.arange(len(words))
    floats = np.stack((canary.kept.log_e(every), *canary.kept.odds(every, alphas)))
    due = canary.shown.due(word_codes(words), events, floats, placed.whole, placed.release, of_all)
    for index, *values in zip(due.tolist(), events[due].tolist(), *floats[:, due].tolist(), strict=True):
        shown[canary.of[index]] = Shown(words[index], *values)
    return due


def new_rows(canary: CanaryState, about: About) -> list[Rows]:
    """Return rows without evidence: of slices that are served for the first time, and of processes that begin anew."""
    served = [
        Process(release, text, sli)
        for release, strata in canary.strata.items()
        if canary.log.strata.get(release) != len(strata.names)
        for text in _slices(canary, strata.names[canary.log.unseen(release, strata.names) :])
        for sli in range(len(canary.rule.slis))
    ]
    empty = [*canary.log.new(iter(served)), *(canary.log.begun_anew(canary.index.keys()) if canary.dropped else ())]
    canary.dropped = False
    dims = {release: _slices(canary, strata.names) for release, strata in canary.strata.items()} if empty else {}
    empty = [process for process in empty if process not in canary.index]  # Else it is stored as soon as it moves.
    rows = [
        Row(
            process=process,
            series=SliceSeries(
                process.release.model,
                process.release.candidate,
                process.slice,
                dims[process.release][process.slice],
            ),
            word="INSUFFICIENT",
            needed=needed,
        )
        for process, needed in zip(empty, needed_each(canary, empty), strict=True)
    ]
    return [evidence_rows(about, rows, empty_columns(len(rows)))] if rows else []


def _slices(canary: CanaryState, strata: Sequence[SliceSeries]) -> Slices:
    """Return the slices that strata belong to: text -> dimension -> value."""
    return {text: dims for stratum in strata for text, dims in canary.slices_of(stratum).items()}
