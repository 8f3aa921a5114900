"""Quality before labels: how many answers of a window are right, estimated from their scores (CBPE).

How often a score is right is learned from the labels that came before the window began, of the same version and slice
(`stats/estimated_accuracy.py`). A series is BAD where its estimate is surely lower than these labels' share of right
answers by more than `fall_max`, and OK where it surely is not. With too few labels, or bounds too wide, it has no word.

The estimate cannot see concept drift: answers of the same score that are less often right than before. Only labels can:
a window whose own labels are surely worse than their scores promised is not OK, and one with better ones is not BAD.
"""

from typing import ClassVar

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.drift.alarm_limit import SHARES, AlarmLimit
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import windows_a_week
from operators.drift.kind import WindowKind
from operators.drift.results import Drift
from operators.policy.monitors import Watched, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Confidence, Positive, Share, span
from operators.policy.watched import ESTIMATED_FROM
from operators.profiles.score_cells import ABOVE, BELOW, LABELLED, SCORED
from operators.stats.calibration import CELLS
from operators.stats.estimated_accuracy import Estimated, contradicted, estimate
from operators.window.label_cells import LabelCells
from operators.wire.control import Word

METHOD = "estimated"
SCORE = "score"


class EstimatedQuality(WindowMonitor, frozen=True, kw_only=True):
    """The estimated share of right answers is more than `fall_max` below that of the labels, at `confidence`.

    Fewer than `labels_min` labels give no estimate.
    """

    unwritten: ClassVar[frozenset[str]] = frozenset({"on", "profile"})

    on: tuple[str, ...] = tuple(ESTIMATED_FROM)
    profile: str = ""
    fall_max: Share = 0.05
    confidence: Confidence = 0.99
    labels_min: Positive = 500

    def watching(self, watched: Watched) -> Watched:
        """Return the field with its bins, which no profile has."""
        return msgspec.structs.replace(watched, field=ESTIMATED_FROM[watched.name])


def _evaluate(monitor: EstimatedQuality, ended: Ended, broken: object) -> tuple[list[Drift], list[Drift]]:
    slots = ended.members(monitor)
    keys = [ended.names[slot][:3] for slot in slots.tolist()]
    kept = ended.labels.setdefault(monitor.name, LabelCells())
    fields = [ended.policy.watched[index] for index in ended.policy.watched_by(monitor)]
    scores, values = (ended.sums.counts[slots, each.offset : each.offset + each.bins] for each in fields)
    answers, came = scores[:, SCORED], values[:, LABELLED]
    labels = kept.of(keys)
    designs = ended.designs(fields[0], slots, answers.sum(axis=1))
    found = contradicted(estimate(answers, labels, monitor.confidence, designs), came, labels, monitor.confidence)
    kept.add(keys, came, ended.end)
    drifts = [
        _drift(monitor, ended, int(slots[at]), at, found, scores, labels, came) for at in _scored_of(scores, labels)
    ]
    return drifts, drifts


def _scored_of(scores: Ints, labels: Ints) -> list[int]:
    """Return the places of series whose answers have usable scores, or once had scores, or have unusable ones."""
    some = scores[:, SCORED].any(axis=1)
    outside = (scores[:, [BELOW, ABOVE]] > 0).any(axis=1)
    return np.flatnonzero(some | outside | (scores.any(axis=1) & labels.any(axis=1))).tolist()


def _drift(
    monitor: EstimatedQuality,
    ended: Ended,
    slot: int,
    at: int,
    found: Estimated,
    scores: Ints,
    labels: Ints,
    came: Ints,
) -> Drift:
    n, answers = int(labels[at].sum()), int(scores[at, SCORED].sum())
    known = n >= monitor.labels_min and answers > 0
    least = float(found.labelled[at]) - monitor.fall_max
    return Drift(
        monitor=monitor.name,
        series=ended.names[slot],
        field=SCORE,
        start=ended.start,
        end=ended.end,
        axis=axis_of(SCORE),
        kind=kind_of(SCORE, ended.names[slot].model),
        method=METHOD,
        word=_word(float(found.lower[at]), float(found.upper[at]), least) if known else "INSUFFICIENT",
        score=float(found.accuracy[at]) if known else None,
        threshold=least if known else None,
        expected=float(found.labelled[at]) if known else None,
        reference="labels",
        n_reference=n,
        n_current=answers,
        detail=_detail(found, at, scores[at], came[at], known=known),
    )


def _word(lower: float, upper: float, least: float) -> Word:
    if upper < least:
        return "BAD"
    return "OK" if lower >= least else "INSUFFICIENT"


def _detail(found: Estimated, at: int, scores: Ints, came: Ints, *, known: bool) -> str:
    """Return the bounds, how many answers they leave out, and what the labels within the window say."""
    n, right, answers = int(came.sum()), int(came[CELLS:].sum()), int(scores.sum())
    parts = [f"between {found.lower[at]:.4f} and {found.upper[at]:.4f}"] if known else []
    if without := answers - int(scores[SCORED].sum()):
        parts.append(f"{without} of {answers} answers without a score from 0 to 1")
    return "; ".join([*parts, *([f"{right} of {n} labels of the window right"] if n else [])])


def _when(monitor: EstimatedQuality) -> str:
    fall = f"more than {100 * monitor.fall_max:.6g} points below that of the labels so far"
    return f"the share of right answers over {span(monitor.window_ms)}, estimated from scores, is surely {fall}"


KIND = WindowKind(
    name="estimated",
    monitor=EstimatedQuality,
    when=_when,
    false_alarms=lambda monitor, pane_ms, series: (
        (1.0 - monitor.confidence) / 2.0 * series * windows_a_week(monitor.window_ms)
    ),
    limit=AlarmLimit(keys=("fall_max",), factors=SHARES, most=1.0),
    every_window=True,
    evaluate=_evaluate,
)
