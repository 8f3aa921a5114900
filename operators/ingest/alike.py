"""Policies that share a worker and count events alike, except for what their SLIs call good: counted at once.

The cost of reading an event, or of a NumPy call on a few events, does not depend on the number of policies. So one
policy that asks for what any of them needs reads all events, and events of policies that are `Alike` are added up
together.
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
    """Return the policies of a worker in groups that are counted alike, ordered by the first of each."""
    found: dict[Hashable, list[int]] = {}
    for team, each in enumerate(policy.teams):
        found.setdefault(_way_of(each, team), []).append(team)
    return [_together([policy.teams[team] for team in teams], teams) for teams in found.values()]


def reading(policy: Policy) -> Policy:
    """Return the policy that reads all that any policy of a worker needs; nothing is counted by it."""
    measures = {measure.name: measure for each in policy.teams for measure in each.measures if not measure.retired}
    return msgspec.structs.replace(
        policy,
        dimensions=tuple(dict.fromkeys(name for each in policy.teams for name in each.dimensions)),
        measures=tuple(measures.values()),
        slis=tuple(sli for each in policy.teams for sli in each.slis),
        rules=tuple(rule for each in policy.teams for rule in each.rules),
        # Each file names the versions of its own models that answer copies.
        releases=msgspec.structs.replace(policy.releases, mirrored=()),
        teams=(),
        claims=None,
    )


def column_of(group: int, name: str) -> str:
    """Return the name of a column for SLIs of one of several groups: files may use the same names."""
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
    """Return a key that is equal for policies whose events are counted at once."""
    fields = fields_of(policy)
    return (
        policy.dimensions,
        tuple((measure, measure.name in fields) for measure in policy.measures),
        tuple(map(_place_of, policy.slis)),
        chained_slis(policy),
        policy.releases.mirrored,
        team if policy.watched else None,  # Each file has its own watched fields.
    )


def _place_of(sli: Sli) -> Hashable:
    """Return a key that is equal for SLIs that may share a column."""
    if sli.on_feedback:
        return True, sli.within_ms is not None
    return False, repr(sli) if sli_kind_of(sli).columns(sli) else ""
