"""`flag_absent`: an event with none of some flags is good; one whose flags cannot be read is neither."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from operators.arrays import Floats, Ints
from operators.ingest.slis.kind import Numbers, Read, SliKind
from operators.policy.errors import PolicyError
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD, NEITHER
from operators.wire.events import UNUSABLE, Event


class FlagAbsent(Sli, frozen=True, kw_only=True):
    """Each of `flags` by itself makes an event bad."""

    flags: tuple[str, ...]


def _check(sli: FlagAbsent, key: str) -> None:
    if not sli.flags:
        raise PolicyError(f"{key}.flags", None, f'is required with good = "{sli.good}"')


def _columns(sli: FlagAbsent) -> Mapping[str, Read]:
    return {_column(sli): partial(_flagged, frozenset(sli.flags))}


def _column(sli: FlagAbsent) -> str:
    """Return the name of its column; an SLI may be named as a field is, so this must be no field's name."""
    return f"{sli.name} flagged"


def _flagged(bad: frozenset[str], events: Sequence[Event]) -> Floats:
    """Return 1 where one of the flags is set, 0 where none is, NaN where that cannot be read."""
    either = bad | {UNUSABLE}
    flagged = np.array([not either.isdisjoint(event.flags or ()) for event in events], float)
    for row in np.flatnonzero(flagged).tolist():
        if bad.isdisjoint(events[row].flags or ()):
            flagged[row] = np.nan
    return flagged


def _classify(sli: FlagAbsent, numbers: Numbers, errors: Ints) -> Ints:
    flagged = numbers[_column(sli)]
    return np.where(np.isnan(flagged), NEITHER, np.where(flagged > 0, BAD, GOOD))


KIND = SliKind(
    good="flag_absent",
    sli=FlagAbsent,
    words=lambda sli: f"none of the flags {', '.join(sli.flags)}",
    classify=_classify,
    columns=_columns,
    check=_check,
)
