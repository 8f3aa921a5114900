"""Policies that share a worker, and count events in the same way but for what their SLIs call good: counted at once.

Reading an event, or a NumPy call on a few of them, costs the same whatever the number of policies. So all events are
read by one policy that asks for what any of them needs, and those that are `Alike` are added up together.
"""

from collections.abc import Hashable, Sequence

import msgspec

from operators.ingest.chains import chained_slis
from operators.ingest.columns import fields_of
from operators.ingest.fields import is_feedback
from operators.ingest.slis.by_team import joined_sli
from operators.ingest.slis.kind import Read
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.policy import Policy
from operators.policy.sli import Sli


class Alike(msgspec.Struct, frozen=True, kw_only=True):
    """`policy` counts the events of the policies of these numbers, `teams`.

    `fields` are the numbers on events that it needs, `of_slis` how further columns are read.
    """

    policy: Policy
    teams: tuple[int, ...]
    fields: tuple[str, ...]
    of_slis: dict[str, Read]


def alike(policy: Policy) -> list[Alike]:
    """Return the policies of a worker together with those that are counted like them, in order of the first."""
    found: dict[Hashable, list[int]] = {}
    for team, each in enumerate(policy.teams):
        found.setdefault(_way_of(each, team), []).append(team)
    return [_together([policy.teams[team] for team in teams], teams) for teams in found.values()]


def reading(policy: Policy) -> Policy:
    """Return the policy that reads of events what any policy of a worker needs; nothing is counted by it."""
    measures = {measure.name: measure for each in policy.teams for measure in each.measures if not measure.retired}
    return msgspec.structs.replace(
        policy,
        dimensions=tuple(dict.fromkeys(name for each in policy.teams for name in each.dimensions)),
        measures=tuple(measures.values()),
        slis=tuple(sli for each in policy.teams for sli in each.slis),
        rules=tuple(rule for each in policy.teams for rule in each.rules),
        # Each file says for its own models which versions answer copies.
        releases=msgspec.structs.replace(policy.releases, mirrored=()),
        teams=(),
        claims=None,
    )


def column_of(group: int, name: str) -> str:
    """Return under which name a column is read for SLIs of one of several groups: files may name theirs alike."""
    return f"{group} {name}"


def _together(policies: Sequence[Policy], teams: Sequence[int]) -> Alike:
    first = policies[0]
    slis = tuple(joined_sli(place, teams) for place in zip(*(each.slis for each in policies), strict=True))
    fields = dict.fromkeys(field for each in policies for field in fields_of(each) if not is_feedback(field))
    of_slis: dict[str, Read] = {}
    for sli in first.slis:
        of_slis |= {} if sli.on_feedback else sli_kind_of(sli).columns(sli)
    policy = first if len(policies) == 1 else msgspec.structs.replace(first, slis=slis)
    return Alike(policy=policy, teams=tuple(teams), fields=tuple(fields), of_slis=of_slis)


def _way_of(policy: Policy, team: int) -> Hashable:
    """Return what policies have in common whose events are counted at once."""
    fields = fields_of(policy)
    return (
        policy.dimensions,
        tuple((measure, measure.name in fields) for measure in policy.measures),
        tuple(map(_place_of, policy.slis)),
        chained_slis(policy),
        policy.releases.mirrored,
        team if policy.watched else None,  # Of watched fields each file has its own.
    )


def _place_of(sli: Sli) -> Hashable:
    """Return what SLIs have in common that may stand at one place."""
    if sli.on_feedback:
        return True, sli.within_ms is not None
    return False, repr(sli) if sli_kind_of(sli).columns(sli) else ""
