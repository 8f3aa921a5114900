"""The kinds of SLIs: a line each."""

from collections.abc import Mapping
from typing import Any

from operators.ingest.slis import (
    all_of,
    by_team,
    estimated,
    feedback_absent,
    flag_absent,
    label_matches,
    limit,
    no_error,
    retired,
    score,
)
from operators.ingest.slis.kind import SliKind
from operators.policy.sli import Retired, Sli

KINDS: Mapping[str, SliKind[Any]] = {
    kind.good: kind
    for kind in (
        no_error.KIND,
        limit.AT_MOST,
        limit.AT_LEAST,
        flag_absent.KIND,
        label_matches.KIND,
        feedback_absent.KIND,
        score.KIND,
        all_of.KIND,
        estimated.KIND,
    )
}


def sli_kind_of(sli: Sli) -> SliKind[Any]:
    """Return the kind of an SLI."""
    if isinstance(sli, by_team.SliByTeam):
        return by_team.KIND
    return retired.KIND if isinstance(sli, Retired) else KINDS[sli.good]
