"""Monitors of means at the end of a window: has a field fallen against its reference by more than chance allows?"""

from collections.abc import Iterator

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.alarm_limit import SIGMAS, AlarmLimit
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import of_sigma
from operators.drift.kind import WindowKind
from operators.drift.member import watched_of
from operators.drift.results import Drift
from operators.drift.window_sums import joined_sums
from operators.policy.monitors import AGAINST, OnNumbers, Reference, Watched, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Above, span
from operators.profiles.expected_field import expected_fields
from operators.profiles.profile import Moments, rounding
from operators.stats.design_effect import design_effect
from operators.stats.magnitude import of_standardised, standardised
from operators.stats.welch import Scores, fall, scores_of
from operators.wire.control import Word

ROUNDED_AWAY = 1e-6  # Standard deviations: nearer means are not told apart, however many events there are.


class Sigma(WindowMonitor, frozen=True, kw_only=True):
    """The mean of a field over a window is more than `sigmas` standard errors below that of the reference."""

    on: OnNumbers
    reference: Reference = "baseline"
    sigmas: Above = 3.0

    @property
    def weekly(self) -> bool:
        return self.reference == "last_week"


def falls(monitor: Sigma, ended: Ended) -> list[Drift]:
    """Return a monitor's result for every field and series of a window with a number in it."""
    slots = ended.members(monitor)
    return [
        drift
        for index, watched in watched_of(monitor, ended.policy)
        for drift in _field(monitor, index, watched, slots, ended)
    ]


def _field(monitor: Sigma, index: int, watched: Watched, slots: Ints, ended: Ended) -> Iterator[Drift]:
    slots = slots[ended.sums.moments[slots, index, 0] > 0]
    slots, reference, pairs = _reference(monitor, index, watched, slots, ended)
    if not len(slots):
        return
    current = scores_of(*ended.sums.numbers(slots, index))
    found = fall(_worth(current, ended.pairs(watched, slots)), _worth(reference, pairs), monitor.sigmas)
    means = [of_standardised(scores.mean, watched.centre, watched.scale) for scores in (current, reference)]
    for row, slot in enumerate(slots.tolist()):
        word: Word = "BAD" if found.alarm[row] else "OK" if found.enough[row] else "INSUFFICIENT"
        yield Drift(
            monitor=monitor.name,
            series=ended.names[slot],
            field=watched.name,
            start=ended.start,
            end=ended.end,
            axis=axis_of(watched.name),
            kind=kind_of(watched.name, ended.names[slot].model),
            method="sigma",
            word=word,
            score=float(found.errors[row]),
            threshold=monitor.sigmas,
            p=float(found.p[row]),
            reference=monitor.reference,
            n_reference=int(reference.n[row]),
            n_current=int(current.n[row]),
            profile=watched.profile,
            detail=f"mean {means[0][row]:.6g} of {means[1][row]:.6g}" if found.enough[row] else "",
        )


def _worth(scores: Scores, pairs: Floats) -> Scores:
    """Return scores with `n` as the number of independent events they are worth; `pairs` of them share a user."""
    return msgspec.structs.replace(scores, n=(scores.n / design_effect(pairs, scores.n)).astype(np.int64))


def _reference(monitor: Sigma, index: int, watched: Watched, slots: Ints, ended: Ended) -> tuple[Ints, Scores, Floats]:
    """Return the slots that can be compared, the scores to compare each with, and these scores' pairs of events."""
    if monitor.reference == "baseline":
        slots, baselines = ended.baselines(slots)
        n, total, squares = ended.sums.numbers(baselines, index)
        scores = scores_of(np.where(baselines >= 0, n, 0), total, squares)
        return slots, scores, ended.pairs(watched, baselines)
    if monitor.reference == "last_week":
        names = [ended.names[slot] for slot in slots.tolist()]
        window = ended.past.at(ended.window_ms, ended.end)
        sums, pairs = ended.past.moments(ended.window_ms, window, index, names)
        n, high, low, high2, low2 = sums.T
        scores = scores_of(n, joined_sums(high, low), joined_sums(high2, low2))
        return slots, scores, np.where(watched.on_feedback, 0.0, pairs)
    return slots, _of_profile(monitor, watched, slots, ended), np.zeros(len(slots))


def _of_profile(monitor: Sigma, watched: Watched, slots: Ints, ended: Ended) -> Scores:
    """Return the scores of the profile, for each slice and these hours where it has them."""
    if watched.field is None or watched.field.moments is None:
        raise ValueError(f"{monitor.name}: the profile has no mean of {watched.name}")
    texts = [ended.names[slot].text for slot in slots.tolist()]
    fields = expected_fields(watched.field, ended.start, ended.window_ms, texts)
    known = [field.moments for field in fields if field.moments is not None]
    return Scores(
        n=(np.array([moments.n for moments in known]) / watched.field.design_effect).astype(np.int64),
        mean=standardised(np.array([_lowest(moments) for moments in known], float), watched.centre, watched.scale),
        variance=np.array([(moments.sd / watched.scale) ** 2 for moments in known], float),
    )


def _lowest(moments: Moments) -> float:
    """Return the mean; less the rounding where the numbers are only a few steps of floats apart."""
    steps = rounding(moments.mean)
    return moments.mean - steps if steps > moments.sd * ROUNDED_AWAY else moments.mean


def _evaluate(monitor: Sigma, ended: Ended, broken: object) -> tuple[list[Drift], list[Drift]]:
    drifts = falls(monitor, ended)
    return drifts, drifts


def _when(monitor: Sigma) -> str:
    against = AGAINST[monitor.reference]
    return f"the mean over {span(monitor.window_ms)} is {monitor.sigmas:g} standard errors below {against}"


KIND = WindowKind(
    name="sigma",
    monitor=Sigma,
    when=_when,
    false_alarms=lambda monitor, pane_ms, series: of_sigma(monitor.sigmas, monitor.window_ms, series * len(monitor.on)),
    limit=AlarmLimit(keys=("sigmas",), factors=SIGMAS),
    needs=lambda table: 'reference = "profile"' if table.reference == "profile" else None,
    evaluate=_evaluate,
    every_window=True,
)
