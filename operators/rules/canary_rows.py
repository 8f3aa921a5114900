"""What a canary rule has compared, as rows of table `evidence`: where it has moved, and what is new."""

from collections.abc import Sequence

import numpy as np

from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process, Shown
from operators.rules.evidence_rows import About, Row, empty_columns, evidence_rows, process_columns
from operators.store.rows import Rows
from operators.window.series_index import SliceSeries, slice_text
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
    """Return the rows of what has moved (`evidence_log.py`), all of the releases `whole`."""
    processes, events = canary.processes, canary.processes.counts[:, 0].tolist()
    every = np.arange(len(canary.of))
    alphas = canary.alphas_of(every.tolist())
    lower, upper = canary.kept.odds(every, alphas)
    columns = zip(words, events, processes.log_e().tolist(), lower.tolist(), upper.tolist(), strict=True)
    now = {process: Shown(*values) for process, values in zip(canary.of, columns, strict=True)}
    due = sorted(canary.log.due(now, whole), key=lambda process: process.slice != "*")
    if not due:
        return []
    rows = [
        Row(
            process=process,
            series=canary.series[process],
            word=now[process].word,
            needed=canary.needed(process),
        )
        for process in due
    ]
    which = np.array([canary.index[process] for process in due], np.int64)
    return [evidence_rows(about, rows, process_columns(canary.kept, which, alphas[which], canary.pane_ms))]


def new_rows(canary: CanaryState, about: About) -> list[Rows]:
    """Return rows without evidence: of slices that are served for the first time, and of what begins anew."""
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
            needed=canary.needed(process),
        )
        for process in empty
        if process not in canary.index  # Else its evidence is stored as soon as it moves.
    ]
    return [evidence_rows(about, rows, empty_columns(len(rows)))] if rows else []


def _slices(canary: CanaryState, strata: Sequence[SliceSeries]) -> dict[str, dict[str, str]]:
    """Return the slices that strata belong to: text -> dimension -> value."""
    all_dims = [
        {name: stratum.dims[name] for name in grain} for stratum in strata for grain in canary.grains_of(stratum.dims)
    ]
    return {slice_text(tuple(dims.items())): dims for dims in all_dims}
