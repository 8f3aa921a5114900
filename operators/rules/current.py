"""The word of each rule on a series as of this pane, and its evidence in the numbers of this pane.

A verdict is written when its word changes. Events written later about the same verdict take newer numbers from here.
"""

from collections.abc import Sequence

from operators.rules.canary import CanaryEvaluator
from operators.rules.drift import DriftEvaluator
from operators.rules.value_history import ValueShift
from operators.rules.verdict import Evaluator
from operators.window.series_index import SliceSeries
from operators.wire.control import Evidence, Word

Now = tuple[Word | None, Evidence | None]
UNKNOWN: Now = (None, None)


class Current:
    """Asks the evaluators of one shard; `names` are the series by slot."""

    def __init__(
        self,
        alone: Sequence[Evaluator],
        canaries: Sequence[CanaryEvaluator],
        listening: Sequence[DriftEvaluator],
        names: Sequence[SliceSeries],
    ) -> None:
        self._alone = {each.rule.name: each for each in alone}
        self._canaries = {each.rule.name: each for each in canaries}
        self._listening = {each.rule.name: each for each in listening}
        self._names = names
        self._slots: dict[tuple[str, ...], int] = {}

    def of(self, rule: str, series: tuple[str, str, str], compared: str | None = None) -> Now:
        """Return the word of a rule on a (model, version, slice) and its evidence, each None where it has none.

        A canary judges several SLIs and measures: `compared` names one, and only its evidence is returned.
        """
        if rule in self._canaries:
            return None, self._canaries[rule].current(series, compared)
        if rule in self._listening:
            return self._listening[rule].current(series)
        slot = self._slot(series) if rule in self._alone else None
        return UNKNOWN if slot is None else self._alone[rule].current(slot, self._names)

    def shift(self, rule: str, of: tuple[str, str, str], since: int, code: int | None) -> ValueShift | None:
        """Return how the values of a baseline have moved, by a canary rule; `of` is (model, candidate, measure)."""
        return self._canaries[rule].shift(of, since, code) if rule in self._canaries else None

    def _slot(self, series: tuple[str, str, str]) -> int | None:
        if len(self._slots) < len(self._names):
            self._slots = {name[:3]: slot for slot, name in enumerate(self._names)}
        return self._slots.get(series)
