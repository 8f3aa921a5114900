"""A verdict: what a rule says about a series. One is written when its word changes, not at every pane."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from operators.arrays import Ints
from operators.policy.rules import Rule
from operators.rules.pane_counts import PaneCounts
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from operators.wire.control import Evidence, Severity, Word


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`word` of `rule` on `series` since the end of pane `pane`; `severity` where it differs from the rule's."""

    rule: str
    series: SliceSeries
    word: Word
    pane: int
    evidence: Evidence
    severity: Severity | None = None


class Evaluator(Protocol):
    """Evaluates one rule on all series of a shard, pane by pane; it keeps and saves arrays by slot."""

    @property
    def rule(self) -> Rule:
        """The rule that it evaluates."""

    def step(self, counts: PaneCounts, windows: Sequence[WindowCounts], names: Sequence[SliceSeries]) -> list[Verdict]:
        """Take the next pane, empty ones too, and the policy's windows that end with it; return what changed.

        `names` are by slot. Every series begins as INSUFFICIENT; this first word is no change, and not returned.
        """

    def current(self, slot: int, names: Sequence[SliceSeries]) -> tuple[Word | None, Evidence | None]:
        """Return the word on a series, and its evidence with present numbers, as far as known between two windows."""

    @property
    def quiet(self) -> bool:
        """Whether an empty pane would change nothing, so that a run of them may be left out."""

    def still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        """Return a pane before which neither empty panes nor `windows` would change anything; 0 where not known."""

    def rest(self, pane: int) -> None:
        """Take an empty pane before that one, with all empty panes up to it: only what is current moves on."""

    def held(self) -> Ints:
        """Return the slots of which it still keeps something."""

    def only(self, slots: Ints) -> None:
        """Keep these slots, which become 0, 1, ..."""
