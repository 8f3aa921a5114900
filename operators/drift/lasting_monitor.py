"""Small changes that stay: has a field's distribution gone beyond the tolerated change, however little, and stayed?

PSI asks whether each window is far off; this adds up all windows since the change began (`share_detector.py`). So a
change too small for any window is found in the end, and one within the tolerated change never.
"""

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
import numpy as np
from msgspec import UNSET

from operators.arrays import Floats, Ints
from operators.drift.alarm_limit import SHARES, AlarmLimit
from operators.drift.ended_window import Ended
from operators.drift.false_alarms import windows_a_week
from operators.drift.field_shares import shares_of
from operators.drift.kind import WindowKind
from operators.drift.lasting_state import Lasting
from operators.drift.member import watched_of
from operators.drift.results import Drift, FieldCounts
from operators.policy.monitors import OnFields, Watched, WindowMonitor, axis_of, kind_of
from operators.policy.reading import Above, Inner, span
from operators.profiles.by_slice import expected_of
from operators.profiles.profile import Field
from operators.saved.registry import Saved
from operators.stats.divergence import jensen_shannon, kl, psi
from operators.stats.share_detector import DOWN, Shares
from operators.wire.control import Word

METHOD = "lasting"


class LastingChange(WindowMonitor, frozen=True, kw_only=True):
    """A change of the profile's fields that is larger than tolerated, and stays for several windows.

    Numbers may shift by `tolerance_sigmas` of their standard deviations; the share of a category, of missing or of
    unseen values by `tolerance_points` (0.01: from 10 to 11 %), a rare one by no more than such a shift would move it.
    `false_alarms` is how many a week are accepted for a model, over all fields and slices of this monitor.
    """

    on: OnFields
    tolerance_sigmas: Above = 0.1
    tolerance_points: Inner = 0.01
    false_alarms: Above = 0.1


@lru_cache(maxsize=1_000)
def _shares(field: Field, counts: tuple[int, ...], sigmas: float, points: float) -> Shares:
    return shares_of(msgspec.structs.replace(field, counts=counts, hours=UNSET, slices=UNSET), sigmas, points)


class _Found:
    """One field in a window: the `evidence` (K,) of K series and its `limits`, by the rows of `kept`."""

    def __init__(self, monitor: LastingChange, watched: Watched, window: FieldCounts, kept: Lasting) -> None:
        if watched.field is None:
            raise ValueError(f"{monitor.name}: the profile has no {watched.name}")
        self.monitor, self.watched, self.window, self.kept, self.field = monitor, watched, window, kept, watched.field
        # What is expected of this hour of the week, where the profile has it.
        (counts,) = expected_of(watched.field, window.start, window.end - window.start, [window.names[0].text])
        expected = tuple(np.rint(counts).astype(np.int64).tolist())
        self.shares = _shares(watched.field, expected, monitor.tolerance_sigmas, monitor.tolerance_points)

    def step(self, limits: Floats) -> Iterator[tuple[Drift, bool]]:
        """Take the window; yield what is BAD, what no longer is, an OK for each other series; each with: is it news?"""
        window = self.window
        rows, evidence, before = self.kept.step(
            self.shares, window.names, window.counts, window.designs, limits, (window.start, window.end)
        )
        bad = self.kept.bad[rows]
        for at in np.flatnonzero(bad | before).tolist():
            yield self._drift(at, int(rows[at]), float(evidence[at]), float(limits[at])), bool(bad[at] != before[at])
        for at in np.flatnonzero(~(bad | before)).tolist():
            yield self._well(at, float(evidence[at]), float(limits[at])), False
        self.kept.begin_anew(rows[evidence <= 0], window.end)

    def _well(self, at: int, evidence: float, limit: float) -> Drift:
        return self._result("OK", at, evidence, limit, int(self.window.counts[at].sum()))

    def _drift(self, at: int, row: int, evidence: float, limit: float) -> Drift:
        counts, start = self.kept.counts[row], int(self.kept.since[row])
        # Expected over all hours since then, not over the last alone: their counts are one sum.
        window = self.window
        (reference,) = expected_of(self.field, start, window.end - start, [window.names[at].text])
        word: Word = "BAD" if self.kept.bad[row] else "OK"
        since = datetime.fromtimestamp(start / 1000, UTC)
        detail = (
            f"{self._moved(row, reference)}, since {since:%Y-%m-%dT%H:%M}Z, PSI {float(psi(counts, reference)):.3f}"
        )
        distances = float(kl(counts, reference)), float(jensen_shannon(counts, reference))
        detail = detail if word == "BAD" else f"no longer: {detail}"
        return self._result(word, at, evidence, limit, int(counts.sum()), detail, distances)

    def _moved(self, row: int, reference: Floats) -> str:
        """Return the share with the most evidence in words: its name, its value now and in the `reference`."""
        log_m = np.where(self.shares.open[:, :, None] > 0, self.kept.log_m[row], -np.inf)
        share, side, _ = np.unravel_index(int(log_m.argmax()), log_m.shape)
        hits, of = self.shares.counted(np.stack([self.kept.counts[row], reference]))
        now, expected = 100 * hits[:, share] / np.maximum(of[:, share], 1)
        more = "less" if side == DOWN else "more"
        return f"{now:.3g} % {self.shares.names[share]}, {more} than {expected:.3g} %"

    def _result(
        self,
        word: Word,
        at: int,
        evidence: float,
        limit: float,
        n: int,
        detail: str = "",
        distances: tuple[float | None, float | None] = (None, None),
    ) -> Drift:
        return Drift(
            monitor=self.monitor.name,
            series=self.window.names[at],
            field=self.watched.name,
            start=self.window.start,
            end=self.window.end,
            axis=axis_of(self.watched.name),
            kind=kind_of(self.watched.name, self.window.names[at].model),
            method=METHOD,
            word=word,
            score=max(evidence, 0.0),
            threshold=limit,
            kl=distances[0],
            jensen_shannon=distances[1],
            reference="profile",
            n_reference=self.field.rows,
            n_current=n,
            profile=self.watched.profile,
            detail=detail,
        )


def _evaluate(monitor: LastingChange, ended: Ended, broken: object) -> tuple[list[Drift], list[Drift]]:
    """Return what begins and ends, and the word on every series."""
    changed: list[Drift] = []
    stands: list[Drift] = []
    slots = ended.members(monitor)
    fields = list(watched_of(monitor, ended.policy))
    by_slot = dict(zip(slots.tolist(), _limits(monitor, ended, slots, len(fields)).tolist(), strict=True))
    of_series = {ended.names[slot][:3]: limit for slot, limit in by_slot.items()}
    for index, watched in fields:
        kept = ended.lasting.setdefault((monitor.name, watched.name), Lasting())
        for window in _alike(watched, ended.counts_of(index, watched, ended.without_own(watched, slots))):
            limits = np.array([of_series[name[:3]] for name in window.names], float)
            for drift, news in _Found(monitor, watched, window, kept).step(limits):
                stands.append(drift)
                changed += [drift] if news else []
    return changed, stands


def _alike(watched: Watched, window: FieldCounts) -> Iterator[FieldCounts]:
    """Yield the series of a window by what they are compared with: all of them, or those of each slice."""
    if watched.field is None or watched.field.slices is UNSET or not len(window.names):
        yield from [window] if len(window.names) else []
        return
    texts = [name.text for name in window.names]
    for text in dict.fromkeys(texts):
        rows = [at for at, each in enumerate(texts) if each == text]
        yield msgspec.structs.replace(
            window, names=[window.names[at] for at in rows], counts=window.counts[rows], designs=window.designs[rows]
        )


def _limits(monitor: LastingChange, ended: Ended, slots: Ints, fields: int) -> Floats:
    """Return the ln of the evidence that each slot needs: all fields and slices of its model share the false alarms."""
    models: Sequence[str] = [ended.names[slot].model for slot in slots.tolist()]
    size = {model: models.count(model) for model in set(models)}
    windows = windows_a_week(monitor.window_ms)
    return np.array([math.log(max(windows * size[model] * fields / monitor.false_alarms, 2.0)) for model in models])


def _when(monitor: LastingChange) -> str:
    tolerated = f"{monitor.tolerance_sigmas:g} sigma or {100 * monitor.tolerance_points:g} points"
    return f"more than {tolerated} off the profile, for several windows of {span(monitor.window_ms)}"


KIND = WindowKind(
    name="lasting",
    monitor=LastingChange,
    when=_when,
    false_alarms=lambda monitor, pane_ms, series: monitor.false_alarms,
    limit=AlarmLimit(keys=("tolerance_sigmas", "tolerance_points"), factors=SHARES, most=1.0),
    needs=lambda table: 'kind = "lasting"',
    evaluate=_evaluate,
    saved=(Saved("lasting", Lasting, ("keys", "log_m", "counts", "since", "seen", "bad")),),
)
