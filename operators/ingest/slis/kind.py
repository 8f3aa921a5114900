"""What defines a kind of SLI: its keys in the policy, its words, the columns it needs, how it tells good from bad.

A kind is one file beside this one, and one line in `registry.py`. Its struct has the keys of `[sli.NAME]`, each with
its type and default; its `SliKind` has the rest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from operators.arrays import Floats, Ints
from operators.policy.sli import Sli

S = TypeVar("S", bound=Sli)
Numbers = Mapping[str, Floats]
Read = Callable[[Sequence[Any]], Floats]  # Events, or feedback, to a column (n,).
NOT_MEANT = 3  # The SLI is about other items: feedback instead of events, the reverse, or another kind of feedback.


def no_columns(sli: Sli) -> Mapping[str, Read]:
    """Return no columns, for an SLI that needs only those of its fields."""
    return {}


def _accept(sli: Sli, key: str) -> None:
    """Accept everything that the types of the keys allow."""


def _alone(sli: Sli, others: Mapping[str, tuple[Sli, Any]], key: str) -> Sli:
    """Return the SLI as it is: it refers to no others."""
    return sli


class SliKind(msgspec.Struct, Generic[S], frozen=True, kw_only=True):
    """A kind of SLI: `good` names it in a policy, `sli` has its keys.

    `classify` returns GOOD, BAD, NEITHER or NOT_MEANT for each item, (n,), from the float columns by name and the error
    number of each item, 0 for none. It gets only items of its stream, and need not handle ignored errors. `columns`
    names the columns that it needs besides those of `sli.fields`, with the reader of each; SLIs that share a name share
    the column. `check` raises PolicyError for what the types of the keys cannot express; `key` is where the SLI stands.
    `words` says in `rollguard check` what is good.
    `bind` returns an SLI that refers to others with these resolved; it gets all of them by name, each with its kind;
    PolicyError.
    """

    good: str
    sli: type[S]
    words: Callable[[S], str]
    classify: Callable[[S, Numbers, Ints], Ints]
    columns: Callable[[S], Mapping[str, Read]] = no_columns
    check: Callable[[S, str], None] = _accept
    bind: Callable[[S, Mapping[str, tuple[Sli, Any]], str], Sli] = _alone
