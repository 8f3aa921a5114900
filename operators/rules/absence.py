"""Absence: a series that had traffic has had none for a while of event time.

STALE once the last `after_ms` of closed panes hold no event of a series that had some before; OK from its next event
on. Panes close as the partition logs move on, so a log that stands still makes nothing stale; and a series that never
had an event is not missed. It says nothing about good and bad: it never is BAD.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np

from operators.arrays import Ints, true_at
from operators.policy.fields import Usual, WholePanes
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import span
from operators.policy.rules import Rule, Scope
from operators.rules.kind import RuleKind
from operators.rules.pane_counts import PaneCounts
from operators.rules.recovery import by_verdict
from operators.rules.series_state import INSUFFICIENT, OK, STALE, Flags, SeriesState
from operators.rules.verdict import Verdict
from operators.saved.registry import Saved, renamed
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.window.watermark import END
from operators.wire.control import Evidence, Word


class Absence(Rule, frozen=True, kw_only=True):
    """A series that had traffic has had none for `after_ms` of event time: all versions together, unless it says so."""

    unwritten: ClassVar[frozenset[str]] = frozenset({"fallback"})

    scope: Annotated[Scope, Usual(Scope)] = "model"
    after_ms: Annotated[int, WholePanes()]


class AbsenceEvaluator:
    """Keeps, by slot, the last pane with events; feedback alone is no traffic."""

    _until: int | None = None  # The pane in which a series becomes stale; None: not worked out since the last step.

    def __init__(self, rule: Absence, policy: Policy) -> None:
        self.rule = rule
        self._panes = rule.after_ms // policy.pane_ms
        self._series_state = SeriesState(rule, policy, [("asked", "i8")])

    @property
    def panes(self) -> int:
        """How many panes without an event make a series stale."""
        return self._panes

    def expect(self, slot: int, pane: int, names: Sequence[SliceSeries]) -> None:
        """Watch a series as if its last events had come in with `pane`, though none of them came in here."""
        self._series_state.grow(names)
        kept = self._series_state.kept
        if kept["member"][slot] and kept["asked"][slot] <= pane:
            kept["asked"][slot] = kept["seen"][slot] = pane
            if kept["word"][slot] == STALE:  # It became stale here while its events came in elsewhere: nobody was told.
                kept["word"][slot] = INSUFFICIENT
            self._until = None

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane; `windows` are not needed."""
        self._until = None
        slots, rows = self._series_state.push(counts, names)
        kept = self._series_state.kept
        asked = slots[counts.events[rows] > 0]
        kept["asked"][asked] = counts.pane
        returned = asked[kept["word"][asked] != OK]
        gone = true_at(self._waits & (counts.pane - kept["asked"] >= self._panes))
        kept["word"][returned], kept["word"][gone] = OK, STALE
        return [self._verdict(slot, names) for slot in [*returned.tolist(), *gone.tolist()]]

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        word = self._series_state.word(slot)
        return word, None if word is None else self._verdict(slot, names).evidence

    @property
    def quiet(self) -> bool:
        """Whether no series is left that could become stale."""
        return self.still_until() == END

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        if self._until is None:
            asked = self._series_state.kept["asked"][self._waits]
            self._until = int(asked.min(initial=END - self._panes)) + self._panes
        return self._until

    def rest(self, pane: int) -> None:
        self._series_state.pane = pane

    def held(self) -> Ints:
        return true_at(self._waits | self._series_state.remembered())

    def only(self, slots: Ints) -> None:
        self._series_state.only(slots)
        self._until = None

    @property
    def _waits(self) -> Flags:
        """Return which series could become stale: those that are OK, and those that are expected from elsewhere."""
        kept = self._series_state.kept
        return np.asarray((kept["word"] == OK) | ((kept["word"] == INSUFFICIENT) & (kept["asked"] > 0)))

    def _verdict(self, slot: int, names: Sequence[SliceSeries]) -> Verdict:
        pane_ms, kept = self._series_state.pane_ms, self._series_state.kept[slot]
        stale = kept["word"] == STALE
        evidence = Evidence(
            window_ms=self.rule.after_ms,
            since=(int(kept["asked"]) + 1) * pane_ms if stale else None,
            watermark=(self._series_state.pane + 1) * pane_ms,
            reason="no events since" if stale else None,
        )
        return self._series_state.verdict(slot, names, evidence)


def _check(rule: Absence, place: TablePlace) -> None:
    if rule.action != "alert":
        raise place.refuse("action", 'must be "alert" with kind = "absence": no traffic says nothing of a version')


def _detects(rule: Absence) -> Iterator[str]:
    yield "a log that moves on without it"


KIND = RuleKind(
    name="absence",
    rule=Absence,
    evaluator=AbsenceEvaluator,
    recovery=by_verdict,
    when=lambda rule: f"STALE: had events, and none for {span(rule.after_ms)}",
    detects=_detects,
    check=_check,
    saved=(
        Saved("rule.absence", Absence),
        Saved(
            "absence",
            AbsenceEvaluator,
            ("rule", "_panes", "_series_state"),
            derived=("_until",),
            version=2,
            upgrades={1: renamed({"_standing": "_series_state"})},
        ),
    ),
)
