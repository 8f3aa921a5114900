"""`grounded`: numbers and ids in the answer occur in the request or in the names of the documents it was given.

Cheap, and blind to everything but numbers and ids: it finds made-up figures, order numbers and sources.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from operators.evaluators.case import JudgedCase, Score
from operators.evaluators.kind import EvaluatorKind, passes
from operators.policy.evaluators import AnswerEvaluator

# A number of two digits or more, or a word with a digit in it; single digits are counts, or number the items of lists.
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[._/-][A-Za-z0-9]+)*")
_SHOWN = 5


class Grounded(AnswerEvaluator, frozen=True, kw_only=True):
    """At most `missing_max` numbers and ids of an answer may occur nowhere else."""

    missing_max: Annotated[int, Meta(ge=0)] = 0


def _tokens(text: str) -> Iterator[str]:
    """Yield the words with a digit, of thousands without separators.

    >>> list(_tokens("In 2024 order A-17 cost 1,250.00 USD; 3 items"))
    ['2024', 'a-17', '1250.00']
    """
    for match in _TOKEN.finditer(re.sub(r"(?<=\d),(?=\d{3})", "", text)):
        token = match[0].lower()
        if len(token) > 1 and any(each.isdigit() for each in token):
            yield token


def _scores(evaluator: Grounded, case: JudgedCase) -> Sequence[Score]:
    known = set(_tokens(case.input))
    for document in case.documents:
        known |= {document.lower(), *_tokens(document)}
    missing = [token for token in dict.fromkeys(_tokens(case.output)) if token not in known]
    return passes(evaluator, len(missing) <= evaluator.missing_max, f"not given: {', '.join(missing[:_SHOWN])}")


KIND = EvaluatorKind(
    name="grounded",
    evaluator=Grounded,
    words=lambda evaluator: f"at most {evaluator.missing_max} numbers and ids that were not given",
    scores=_scores,
)
