"""E-processes of a canary rule as rows of table `evidence`: what verdicts and control events are made of."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.evidence_log import Process
from operators.rules.kept_estimates import KeptEstimates
from operators.stats.e_process import NONE
from operators.store.rows import Column, Rows
from operators.window.series_index import SliceSeries, series_columns
from operators.wire.control import Word

# What a row says of a process; without a block there is nothing but the zeros.
COUNTS = ("candidate_good", "candidate_bad", "baseline_good", "baseline_bad")
FLOATS = ("value", "lower", "upper", "odds_ratio", "odds_lower", "odds_upper", "detectable", "decides_in")


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of one rule and pane have in common: `at` is the end of the pane [Unix ms]."""

    rule: str
    slis: tuple[str, ...]
    measures: tuple[str, ...]
    at: int
    pane_ms: int
    policy: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a row says besides the numbers of its process; `needed` is the ln E that alone would decide."""

    process: Process
    series: SliceSeries
    word: Word
    needed: float


def evidence_rows(about: About, rows: Sequence[Row], numbers: Mapping[str, Column]) -> Rows:
    """Return the rows; `numbers` are their columns, from `process_columns` or `empty_columns`."""
    slis, measures = about.slis, about.measures
    columns = [row.process.sli for row in rows]
    return Rows(
        table="evidence",
        columns={
            **series_columns([row.series for row in rows]),
            "baseline": [row.process.release.baseline for row in rows],
            "rule": [about.rule for _ in rows],
            "sli": [slis[column] if column < len(slis) else "" for column in columns],
            "measure": ["" if column < len(slis) else measures[column - len(slis)] for column in columns],
            "at": [about.at for _ in rows],
            "began": [row.process.release.since * about.pane_ms for row in rows],
            "verdict": [row.word for row in rows],
            **numbers,
            "needed_log_e": [row.needed for row in rows],
            "policy": [about.policy for _ in rows],
            "ver": [1 for _ in rows],
        },
    )


def process_columns(kept: KeptEstimates, which: Ints, alpha: Floats, pane_ms: int) -> dict[str, Column]:
    """Return what `canary.evidence` says of each of `which` (W,), as columns, bit by bit the same; NaN is unknown."""
    processes = kept.processes
    n_c, x_c, n_b, x_b = processes.counts[which].T
    candidate, baseline = processes.ratios(which)
    lower, upper = kept.points(which, alpha)
    odds_lower, odds_upper = kept.odds(which, alpha)
    detectable, decides_in = kept.prospects(which, alpha)
    since = [None if pane == NONE else pane * pane_ms for pane in processes.since[which].tolist()]
    seen = n_c > 0
    floats: dict[str, Floats] = {
        "value": np.where(seen, candidate - baseline, np.nan),
        "lower": lower,
        "upper": upper,
        "odds_ratio": np.where(seen, processes.ratio(which), np.nan),
        "odds_lower": odds_lower,
        "odds_upper": odds_upper,
        "detectable": detectable,
        "decides_in": decides_in,
    }
    return {
        **dict(zip(COUNTS, (n_c - x_c, x_c, n_b - x_b, x_b), strict=True)),
        **{name: np.where(np.isfinite(values), values, np.nan) for name, values in floats.items()},
        "log_e": kept.log_e(which),
        "log_e_peak": processes.log_e_peak[which],
        "since": since,
    }


def empty_columns(rows: int) -> dict[str, Column]:
    """Return the same columns for processes that have compared nothing."""
    return {
        **{name: np.zeros(rows, np.int64) for name in COUNTS},
        **{name: np.full(rows, np.nan) for name in FLOATS},
        "log_e": np.zeros(rows),
        "log_e_peak": np.zeros(rows),
        "since": [None] * rows,
    }
