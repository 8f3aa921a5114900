"""What must hold of an answer: each kind of check is a function of its value and the answer."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import re2

Kind = Literal["equals", "contains", "excludes", "matches", "json", "passes"]
_SPACE = re.compile(r"\s+")
SHOWN_MAX = 80  # Characters of a value that are shown in words.


class WrongCheck(ValueError):
    """A check that cannot be made, such as one with a wrong regular expression."""


class Check(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One check: `value` is the text, the regular expression (RE2) of `matches`, the evaluator of `passes`.

    For `json` it is empty.
    """

    kind: Kind
    value: str = ""

    @property
    def words(self) -> str:
        """The check in words.

        >>> Check(kind="contains", value="[Yes]").words
        'contains "[Yes]"'
        """
        cut = self.value if len(self.value) <= SHOWN_MAX else self.value[: SHOWN_MAX - 1] + "…"
        return f"{self.kind} {json.dumps(cut, ensure_ascii=False)}" if self.value else self.kind


def folded(text: str) -> str:
    """Return a text as it is compared: without regard to case and white space.

    >>> folded("  The  Answer ")
    'the answer'
    """
    return _SPACE.sub(" ", text).strip().casefold()


def check_of(kind: Kind, value: str) -> Check:
    """Return a check. WrongCheck if it cannot be made."""
    if kind != "json" and not folded(value):
        raise WrongCheck(f"{kind}: needs a text, and got none")
    if kind == "matches":
        _compiled(value)
    return Check(kind=kind, value=value)


def failed(checks: Sequence[Check], answer: str) -> list[str]:
    """Return the checks that do not hold of an answer, in words; those of kind `passes` are left to evaluators.

    >>> failed([Check(kind="contains", value="[yes]"), Check(kind="excludes", value="sorry")], "Sorry: [Yes]")
    ['excludes "sorry"']
    """
    return [check.words for check in checks if not _HOLDS[check.kind](check.value, answer)]


def named_evaluators(checks: Sequence[Check]) -> list[str]:
    """Return the evaluators that an answer has to pass."""
    return [check.value for check in checks if check.kind == "passes"]


def _compiled(pattern: str) -> Callable[[str], object]:
    options = re2.Options()
    options.log_errors = False
    try:
        search: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error as error:
        text = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise WrongCheck(f"matches {pattern!r}: is no regular expression (RE2): {text}") from error
    return search


def _is_json(value: str, answer: str) -> bool:
    try:
        json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return True


_HOLDS: dict[Kind, Callable[[str, str], bool]] = {
    "equals": lambda value, answer: folded(value) == folded(answer),
    "contains": lambda value, answer: folded(value) in folded(answer),
    "excludes": lambda value, answer: folded(value) not in folded(answer),
    "matches": lambda value, answer: _compiled(value)(answer) is not None,
    "json": _is_json,
    "passes": lambda value, answer: True,
}
