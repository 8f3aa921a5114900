"""Words that the code has given up, each with its reason: no name of a variable, function, class or field has them.

Texts for people, names in files and tables, and names under which state is saved are no identifiers, and may keep them.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOPS = ("operators", "flows", "gateway")

RETIRED = {
    "trial": "a version with what is known of it is a release (`ReleaseState`); a trial is one of a binomial test",
    "told": "it had eleven meanings: say what is held (events, notices, verdicts), or that people were alerted",
    "said": "commands that take effect are due; control events are events; texts are parts or a sentence",
    "judge": "a judge is a model or person that scores answers; rules and monitors are evaluated",
    "judged": "what rules and monitors give is an outcome or a verdict",
    "judging": "see judged",
    "standing": "what is kept of a series is its `SeriesState`, at a gateway a model has its `RoutingState`",
    "speaker": "control events are written by the `EventWriter`",
}
# Where answers are judged: what has to do with a judge is in one of these folders, or has one in the name of its file.
JUDGES = re.compile(r"(^|[/_])(chat|evals?|evaluate|evaluators?|functions|judges?|llm|triage)([/_.]|$)")
OF_JUDGES = {"judge", "judged", "judging"}
ON_THE_WIRE = {"standing"}  # A field of feedback, by the name that it has in topics and files.


def words_of(name: str) -> set[str]:
    """Return the words of an identifier, in the singular.

    >>> sorted(words_of("_standing_ofJudges"))
    ['judge', 'of', 'standing']
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower().removesuffix("s") if part.lower() not in RETIRED else part.lower() for part in parts}


def retired_in(source: str, path: str = "") -> Iterator[str]:
    """Yield each retired word of a module's identifiers, with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string not in ON_THE_WIRE:
            for word in sorted(words_of(token.string) & RETIRED.keys()):
                if word not in OF_JUDGES or not JUDGES.search(path):
                    yield f"{path}:{token.start[0]}: {token.string}: {RETIRED[word]}"


@pytest.mark.parametrize("top", TOPS)
def test_no_identifier_has_a_retired_word(top: str) -> None:
    found = [
        fault
        for path in sorted(ROOT.glob(f"{top}/**/*.py"))
        for fault in retired_in(path.read_text(), path.relative_to(ROOT).as_posix())
    ]
    assert found == []


@pytest.mark.parametrize("word", RETIRED)
def test_each_word_is_found_in_any_part_of_a_name(word: str) -> None:
    for name in (f"{word}_", f"_{word}s", f"is_{word}", f"{word.capitalize()}State", word.upper(), f"a.{word}_max"):
        assert len(list(retired_in(f"{name} = 1\n"))) == 1, name


def test_words_within_words_and_in_texts_are_none() -> None:
    source = '"""It was told."""\nuntold = outstanding = "said"  # judged\nprejudice = aforesaid = trials_ = 1\n'
    assert [fault.split(": ")[1] for fault in retired_in(source)] == ["trials_"]


def test_a_judge_of_answers_is_one() -> None:
    for path in ("flows/judge.py", "operators/evaluators/rubric.py", "operators/policy/judges.py"):
        assert list(retired_in("judge = 1\n", path)) == []
    assert len(list(retired_in("judge = 1\n", "operators/evaluation.py"))) == 1
    assert len(list(retired_in("told = 1\n", "flows/judge.py"))) == 1
