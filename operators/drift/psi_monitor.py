"""Monitors of distributions at the end of a window: PSI of each field and series, and which of them are drift.

The reference is the frozen profile, the same window a week before, or, for the candidate of a release, the baseline's
traffic in the same window. All fields and slices of one monitor and model are judged together by Benjamini and
Hochberg, so that `alpha` is the chance of any false alarm in a window, however many there are
(`false_alarms.of_shifts`).
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.drift.alarm_limit import SHARES, AlarmLimit
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import of_shifts
from operators.drift.kind import WindowKind
from operators.drift.member import watched_of
from operators.drift.results import Drift
from operators.policy.fields import As, Written
from operators.policy.monitors import AGAINST, OnFields, OnWire, Reference, Watched, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Above, Inner, span
from operators.profiles.by_slice import expected_of
from operators.profiles.profile import EMBEDDING, Field
from operators.spans import HOUR_MS
from operators.stats.design_effect import design_effect
from operators.stats.divergence import Counts, jensen_shannon_of, kl_of, smoothed
from operators.stats.multiple_testing import benjamini_hochberg
from operators.stats.psi import shift
from operators.wire.control import Word


class Psi(WindowMonitor, frozen=True, kw_only=True):
    """PSI, KL and Jensen-Shannon of the distribution of each field.

    `profile` names the content that holds bins and, with `reference` profile, the counts. `alpha` is the chance of a
    false alarm in a window of a model, over all fields and slices of this monitor.
    """

    on: OnFields
    reference: Reference = "profile"
    alpha: Inner = 0.001
    psi_min: Above = 0.2

    @property
    def weekly(self) -> bool:
        return self.reference == "last_week"


def _clusters(written: Written) -> tuple[str, ...]:
    if written.value != EMBEDDING:
        raise written.place.refuse("on", 'must be "embedding"')
    found: tuple[str, ...] = written.place.fields(EMBEDDING)
    return found


class Embedding(Psi, frozen=True, kw_only=True):
    """The same for the clusters of embeddings."""

    on: Annotated[tuple[str, ...], As(OnWire, _clusters, lambda on: on[0])] = (EMBEDDING,)


def shifts(monitor: Psi, ended: Ended) -> list[Drift]:
    """Return a monitor's result for every field and series of a window with anything in it."""
    slots = ended.members(monitor)
    fields = [watched for _, watched in watched_of(monitor, ended.policy)]
    drifts = [drift for watched in fields for drift in _field(monitor, watched, slots, ended)]
    by_model: dict[str, list[int]] = {}
    for at, drift in enumerate(drifts):
        by_model.setdefault(drift.series.model, []).append(at)
    for family in by_model.values():
        p = np.array([drifts[at].p for at in family], float)
        for at, bad in zip(family, benjamini_hochberg(p, monitor.alpha).tolist(), strict=True):
            if bad and drifts[at].word == "OK":
                drifts[at] = msgspec.structs.replace(drifts[at], word="BAD")
    return drifts


def _field(monitor: Psi, watched: Watched, slots: Ints, ended: Ended) -> Iterator[Drift]:
    bins = range(watched.offset, watched.offset + watched.bins)
    slots = ended.without_own(watched, slots)
    slots = slots[ended.sums.counts[slots, bins.start : bins.stop].any(axis=1)]
    slots, reference, pairs = _reference(monitor, watched, bins, slots, ended)
    if not len(slots):
        return
    current = ended.sums.counts[slots, bins.start : bins.stop]
    designs = (
        design_effect(ended.pairs(watched, slots), current.sum(axis=1)),
        design_effect(pairs, reference.sum(axis=1)),
    )
    found = shift(current, reference, monitor.alpha, monitor.psi_min, designs)
    shares = smoothed(current, reference)
    columns = (found.score, found.threshold, found.p, kl_of(*shares), jensen_shannon_of(*shares))
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    sizes = zip(found.n_reference.tolist(), found.n_current.tolist(), found.enough.tolist(), strict=True)
    for slot, (score, threshold, p, *others), (m, n, enough) in zip(slots.tolist(), numbers, sizes, strict=True):
        word: Word = "OK" if enough else "INSUFFICIENT"
        yield Drift(
            monitor=monitor.name,
            series=ended.names[slot],
            field=watched.name,
            start=ended.start,
            end=ended.end,
            axis=axis_of(watched.name),
            kind=kind_of(watched.name, ended.names[slot].model),
            method="psi",
            word=word,
            score=score,
            threshold=threshold,
            p=p,
            kl=others[0],
            jensen_shannon=others[1],
            reference=monitor.reference,
            n_reference=m,
            n_current=n,
            profile=monitor.profile,
        )


def _reference(monitor: Psi, watched: Watched, bins: range, slots: Ints, ended: Ended) -> tuple[Ints, Counts, Floats]:
    """Return the slots that can be compared, the counts to compare each with, (K, B), and these counts' pairs."""
    if monitor.reference == "baseline":
        slots, baselines = ended.baselines(slots)
        counts = ended.sums.counts[baselines, bins.start : bins.stop]
        return slots, np.where(baselines[:, None] >= 0, counts, 0), ended.pairs(watched, baselines)
    if monitor.reference == "last_week":
        names = [ended.names[slot] for slot in slots.tolist()]
        window = ended.past.at(ended.window_ms, ended.end)
        counts, pairs = ended.past.counts(ended.window_ms, window, bins, names)
        return slots, counts, np.where(watched.on_feedback, 0.0, pairs)
    if watched.field is None:
        raise ValueError(f"{monitor.name}: the profile has no {watched.name}")
    expected = _expected(watched.field, slots, ended)
    return slots, expected, (watched.field.design_effect - 1) * expected.sum(axis=1)


def _expected(field: Field, slots: Ints, ended: Ended) -> Floats:
    """Return the profile's counts to compare each slot with, (K, B): of the hours since the slot's first events.

    So a worker, a version or a slice that began within a window of several hours is not compared with all its hours.
    """
    texts = [ended.names[slot].text for slot in slots.tolist()]
    starts = np.maximum(ended.sums.began[slots] // HOUR_MS * HOUR_MS, ended.start)
    counts = np.zeros((len(slots), field.bins))
    for start in np.unique(starts).tolist():
        rows = np.flatnonzero(starts == start)
        counts[rows] = expected_of(field, start, ended.end - start, [texts[row] for row in rows.tolist()])
    return counts


def _evaluate(monitor: Psi, ended: Ended, broken: object) -> tuple[list[Drift], list[Drift]]:
    drifts = shifts(monitor, ended)
    return drifts, drifts


def _when(monitor: Psi) -> str:
    against = AGAINST[monitor.reference]
    beyond = f"PSI over {span(monitor.window_ms)} against {against} is above {monitor.psi_min:g}, not by chance"
    return f"{beyond} ({monitor.alpha:g} a window, all fields and slices)"


def _false_alarms(monitor: Psi, pane_ms: int, series: int) -> float:
    return of_shifts(monitor.alpha, monitor.window_ms)


PSI = WindowKind(
    name="psi",
    monitor=Psi,
    when=_when,
    false_alarms=_false_alarms,
    limit=AlarmLimit(keys=("psi_min",), factors=SHARES),
    needs=lambda table: 'kind = "psi"',
    evaluate=_evaluate,
    every_window=True,
)
CLUSTERS = WindowKind(
    name="embedding",
    monitor=Embedding,
    when=_when,
    false_alarms=_false_alarms,
    limit=AlarmLimit(keys=("psi_min",), factors=SHARES),
    needs=lambda table: 'kind = "embedding"',
    evaluate=_evaluate,
    every_window=True,
)
