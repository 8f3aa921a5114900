"""`all_of`: an event is good when several SLIs on events all say so: no error, valid JSON, and not toxic.

An event is bad when one of them calls it bad; neither when none does and one cannot tell, or one ignores it.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.slis.kind import Numbers, Read, SliKind
from operators.policy.errors import PolicyError
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD, NEITHER


class AllOf(Sli, frozen=True, kw_only=True):
    """`slis` are the names of the others."""

    slis: tuple[str, ...]


class BoundAllOf(AllOf, frozen=True, kw_only=True):
    """The SLI with the SLIs that it names, and how each of these classifies and reads items."""

    parts: tuple[tuple[Sli, SliKind[Sli]], ...]

    def identity(self) -> dict[str, object]:
        """Return its keys only: the SLIs that it names have their own."""
        return {name: value for name, value in super().identity().items() if name != "parts"}

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(field for part, _ in self.parts for field in part.fields)

    @property
    def counts_errors(self) -> bool:
        return any(part.counts_errors for part, _ in self.parts)


def _bind(sli: AllOf, others: Mapping[str, tuple[Sli, SliKind[Sli]]], key: str) -> Sli:
    if len(sli.slis) < 2:
        raise PolicyError(f"{key}.slis", list(sli.slis), "must name two SLIs or more")
    for index, name in enumerate(sli.slis):
        allowed = ", ".join(other for other, (part, _) in others.items() if _fits(part)) or "(there are none)"
        if name not in others or not _fits(others[name][0]):
            raise PolicyError(f"{key}.slis", name, f"must be one of the other SLIs on events: {allowed}")
        if name in sli.slis[:index]:
            raise PolicyError(f"{key}.slis", name, "is named twice")
    parts = tuple(others[name] for name in sli.slis)
    ignored = dict.fromkeys([*sli.ignore, *(error for part, _ in parts for error in part.ignore)])
    keys = msgspec.structs.asdict(sli) | {"ignore": tuple(ignored), "parts": parts}
    return BoundAllOf(**keys)


def _fits(part: Sli) -> bool:
    """Tell whether an SLI can be a part; one that is about some slices says nothing about the others."""
    return not (part.on_feedback or part.slices or part.estimated_from or isinstance(part, AllOf))


def _parts(sli: Sli) -> tuple[tuple[Sli, SliKind[Sli]], ...]:
    return sli.parts if isinstance(sli, BoundAllOf) else ()


def _columns(sli: Sli) -> Mapping[str, Read]:
    found: dict[str, Read] = {}
    for part, kind in _parts(sli):
        found |= kind.columns(part)
    return found


def _classify(sli: Sli, numbers: Numbers, errors: Ints) -> Ints:
    classes = np.array([kind.classify(part, numbers, errors) for part, kind in _parts(sli)])
    return np.where((classes == BAD).any(axis=0), BAD, np.where((classes == GOOD).all(axis=0), GOOD, NEITHER))


KIND = SliKind(
    good="all_of",
    sli=AllOf,
    words=lambda sli: f"all of {', '.join(sli.slis)}",
    classify=_classify,
    columns=_columns,
    bind=_bind,
)
