"""SLIs of several policy files that share a column, as one: each item is classified by that of its own file."""

from collections.abc import Iterator, Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.slis.kind import NOT_MEANT, Numbers, SliKind
from operators.policy.sli import Sli

TEAM = "number of the policy"  # The column of the policy that counts each item; no field is named so.


class SliByTeam(Sli, frozen=True, kw_only=True):
    """`parts` are SLIs on events, each with the numbers of the policies that have it.

    Their kinds need no columns of their own.
    """

    parts: tuple[tuple[Sli, tuple[int, ...]], ...]

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(field for part, _ in self.parts for field in part.fields))


def joined_sli(slis: Sequence[Sli], teams: Sequence[int]) -> Sli:
    """Return the SLIs that these policies have for one column as one SLI; if all are the same, that one itself.

    For SLIs on feedback, of which all or none are cohort SLIs, it is the first: they classify no events.
    """
    if slis[0].on_feedback:
        return slis[0]
    parts: dict[str, tuple[Sli, list[int]]] = {}
    for sli, team in zip(slis, teams, strict=True):
        parts.setdefault(repr(sli), (sli, []))[1].append(team)
    if len(parts) == 1:
        return slis[0]
    places = tuple(place for sli in slis for place in sli.places)
    each = tuple((sli, tuple(of)) for sli, of in parts.values())
    return SliByTeam(good="", name=slis[0].name, places=places, parts=each)


def rows_by_sli(sli: SliByTeam, numbers: Numbers) -> Iterator[tuple[Sli, Ints]]:
    """Yield each SLI with the row numbers of the items it is about, (n,)."""
    teams = numbers[TEAM].astype(np.int16)
    order = np.argsort(teams, kind="stable")
    ends = np.cumsum(np.bincount(teams, minlength=1 + max(max(of) for _, of in sli.parts)))
    for part, of in sli.parts:
        yield part, np.concatenate([order[ends[team - 1] if team else 0 : ends[team]] for team in of])


def _classify(sli: SliByTeam, numbers: Numbers, errors: Ints) -> Ints:
    """Classify nothing: each item is classified by one of the `parts` (`ingest/sli.py`)."""
    return np.full(len(errors), NOT_MEANT)


KIND = SliKind(good="", sli=SliByTeam, words=lambda sli: "what the file of the model says", classify=_classify)
