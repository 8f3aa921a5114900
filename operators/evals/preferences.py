"""Pairs of answers that were compared: how often each version was preferred, and whether that may be chance."""

from collections.abc import Mapping

import msgspec

from operators.evals.gate_result import mcnemar

CHANCE = 0.05  # A candidate is not released if chance alone makes so bad a result less likely than this.


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """Which answer an evaluator preferred, by case: candidate, baseline or tie; "" where it did not judge."""

    evaluator: str
    by_case: Mapping[str, str]

    def count(self, word: str) -> int:
        return sum(each == word for each in self.by_case.values())

    @property
    def p_value(self) -> float:
        """The chance that the baseline is preferred at least so often, ties left out, were both versions alike."""
        return mcnemar(self.count("baseline"), self.count("candidate"))

    @property
    def held(self) -> bool:
        """Whether the candidate may be released: all pairs were judged, and it is not surely worse."""
        return not self.count("") and self.p_value >= CHANCE

    @property
    def words(self) -> str:
        """The comparison in words.

        >>> Preferences(evaluator="helpful", by_case={"a": "candidate", "b": "tie"}).words
        'helpful prefers the candidate 1 times, the baseline 0 times, 1 ties; by chance alone, p = 1'
        """
        unjudged = f", {self.count('')} not judged" if self.count("") else ""
        return (
            f"{self.evaluator} prefers the candidate {self.count('candidate')} times, the baseline"
            f" {self.count('baseline')} times, {self.count('tie')} ties{unjudged};"
            f" by chance alone, p = {self.p_value:.3g}"
        )
