"""Whether a judge is to be believed: it judges, again and again, cases that people have scored.

A judge is not believed while it agrees with its golden cases surely less than the policy asks, or surely less than it
did at first; nor for a while after it has changed, when its judgements are not comparable with earlier ones. Two rounds
are compared case by case, by the exact test of McNemar: a judge that errs at random loses as many cases as it wins.
(Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika
12 (1947), 153-157; exact: the binomial of the cases that changed.)
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Literal

import msgspec
import numpy as np
from scipy.special import betainc

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.llm import Llm
from operators.stats.binomial_tails import surely_below

DOUBT = 0.001  # The chance of wrongly disbelieving a judge in one round.
BELIEF = 0.1  # A judge that is not believed is believed again only once the same test no longer fails at this chance.
Doubt = Literal["", "new", "disagrees"]


class GoldenCase(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A case with the scores that people gave it, by criterion."""

    input: str
    output: str
    labels: dict[str, float]
    documents: tuple[str, ...] = ()
    expected: str | None = None

    def case(self, number: int) -> JudgedCase:
        return JudgedCase(
            request_id=f"golden-{number}",
            input=self.input,
            output=self.output,
            documents=self.documents,
            expected=self.expected,
        )


class Agreement(msgspec.Struct, kw_only=True):
    """What is known of one judge; saved. `first` and `last` say, by number of the case, whether it agreed.

    `first` are the outcomes of the first source that judged the cases of digest `cases`: a later source that surely
    agrees less is not believed either. `changed_ms` is when the source changed, None if no change was seen.
    """

    source: str = ""
    cases: str = ""
    changed_ms: int | None = None
    first: dict[int, bool] = {}
    last: dict[int, bool] = {}
    disagrees: bool = False

    def begin(self, source: str, cases: str, now_ms: int) -> None:
        """Note the present source, and the digest of the golden cases that it is judged by."""
        if source != self.source:
            self.changed_ms = now_ms if self.source else None
            self.source, self.last = source, {}
        if cases != self.cases:
            self.cases, self.first, self.last = cases, {}, {}

    def learn(self, number: int, agrees: bool, least: float) -> None:
        """Take the outcome of a golden case; `least` is the agreement that the policy asks for."""
        self.first.setdefault(number, agrees)
        self.last[number] = agrees
        # With a single limit a judge near it would be believed in one round and not in the next, by chance.
        self.disagrees = self._disagrees(least, BELIEF if self.disagrees else DOUBT)

    def doubt(self, evaluator: Llm, now_ms: int) -> Doubt:
        """Return why the judge is not to be believed; "" if it is."""
        if self.disagrees:
            return "disagrees"
        changed = self.changed_ms is not None and now_ms - self.changed_ms < evaluator.settle_ms
        return "new" if changed else ""

    def _disagrees(self, least: float, chance: float) -> bool:
        agreed = np.array([sum(self.last.values())])
        if bool(surely_below(agreed, np.array([len(self.last)]), least, 1.0 - chance)[0]):
            return True
        lost = sum(self.first[number] and not agrees for number, agrees in self.last.items())
        won = sum(agrees and not self.first[number] for number, agrees in self.last.items())
        # The chance of at least so many losses among the cases that changed, were a loss as likely as a win.
        return lost > won and float(betainc(lost, won + 1, 0.5)) < chance


def digest_of(cases: Sequence[GoldenCase]) -> str:
    """Return the digest of a golden set, "" for an empty one."""
    return blake2b(msgspec.json.encode(cases), digest_size=8).hexdigest() if cases else ""


def agreements(evaluator: Llm, case: GoldenCase, scores: Sequence[Score]) -> Mapping[str, tuple[bool, bool]]:
    """Return, by criterion that has a label, whether people and whether the judge pass the case."""
    scored = {score.criterion: score.value >= evaluator.pass_score for score in scores}
    return {
        name: (label >= evaluator.pass_score, scored[name]) for name, label in case.labels.items() if name in scored
    }
