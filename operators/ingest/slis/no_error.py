"""`no_error`: an event without an error type is good; where the policy names error types, one without any of these."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from operators.arrays import Floats, Ints
from operators.ingest.slis.kind import Numbers, Read, SliKind
from operators.policy.errors import PolicyError
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD
from operators.wire.events import Event


class NoError(Sli, frozen=True, kw_only=True):
    """`errors` are the error types that are bad; if it is empty, all are."""

    errors: tuple[str, ...] = ()

    @property
    def counts_errors(self) -> bool:
        return True


def _check(sli: NoError, key: str) -> None:
    both = [name for name in sli.errors if name in sli.ignore]
    if both:
        raise PolicyError(f"{key}.errors", both[0], "is in ignore, too")


def _columns(sli: NoError) -> Mapping[str, Read]:
    return {_column(sli): partial(_named, frozenset(sli.errors))} if sli.errors else {}


def _column(sli: NoError) -> str:
    """Return the name of its column; an SLI may be named as a field is, so this must be no field's name."""
    return f"{sli.name} error"


def _named(bad: frozenset[str], events: Sequence[Event]) -> Floats:
    return np.array([event.error_type in bad for event in events], float)


def _classify(sli: NoError, numbers: Numbers, errors: Ints) -> Ints:
    return np.where(numbers[_column(sli)] > 0 if sli.errors else errors > 0, BAD, GOOD)


def _words(sli: NoError) -> str:
    return f"no error_type {', '.join(sli.errors)}" if sli.errors else "no error_type"


KIND = SliKind(good="no_error", sli=NoError, words=_words, classify=_classify, columns=_columns, check=_check)
