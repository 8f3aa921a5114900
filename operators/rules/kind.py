"""What a kind of rule brings: its keys in the policy, its evaluator, its words, and how its rollbacks are verified.

A kind is one file beside this one, and one line in `registry.py`. Its struct has the keys of `[[rule]]`, with their
types and defaults; its `RuleKind` has the rest. Its runbook is the page of its name in infra/runbooks.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.rules import Grain, Rule
from operators.rules.recovery import Recovery
from operators.saved.registry import Saved

R = TypeVar("R", bound=Rule)


def _accept(rule: Rule, place: TablePlace) -> None:
    """Accept whatever the types of the keys allow."""


def nothing(rule: Rule, policy: Policy) -> Iterator[str]:
    """Yield no line beyond those that every rule has."""
    yield from ()


class RuleKind(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """A kind of rule: `name` names it in a policy, `rule` has its keys, `evaluator` judges by one of it.

    `recovery` says how low the ratio of bad events must fall for a rollback to have helped (`recovery.py`).

    For `rollguard check`: `when` says what makes it BAD, `detects` yields the smallest harm that it can see, line by
    line, `looks_at` what is particular about the things it judges.

    `usual_grains` are the slices of a rule whose table names none. `check` raises PolicyError for what single keys
    cannot show. `waits` tells whether a rule from this table can do nothing yet, so that it is left out. `saved` are
    the classes that its evaluator keeps, with their names for ever.
    """

    name: str
    rule: type[R]
    evaluator: Callable[[R, Policy], Any]
    recovery: Recovery[R]
    when: Callable[[R], str]
    detects: Callable[[R], Iterator[str]]
    looks_at: Callable[[R, Policy], Iterator[str]] = nothing
    usual_grains: Callable[[R, TablePlace], tuple[Grain, ...]] = lambda rule, place: rule.grains
    check: Callable[[R, TablePlace], None] = _accept
    waits: Callable[[TablePlace], bool] = lambda place: False
    saved: Sequence[Saved] = ()
