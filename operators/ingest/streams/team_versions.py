"""Which versions of a model answer copies of requests, where several policies share a worker: its own file says it.

The ids of items contain the versions as they are counted; another file's patterns do not matter.
"""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.policy.claims import Claims
from operators.policy.policy import Policy
from operators.wire.mirrored import Mirrors


class TeamVersions:
    """The patterns of the policies of a worker; models that no policy takes have none."""

    def __init__(self, policy: Policy, claims: Claims) -> None:
        self._claims = claims
        of_teams = [each.releases.mirrored for each in policy.teams]
        self._patterns = list(dict.fromkeys([*of_teams, ()]))
        # By policy number; the last is for NOBODY.
        self._kinds = np.array([self._patterns.index(each) for each in (*of_teams, ())], np.int64)

    def named(self, parts: Sequence[Ints], models: list[str], versions: list[str]) -> list[tuple[Ints, list[str]]]:
        """Return the models and versions of items, (n,) numbers each, with the names they stand for.

        `parts` number the items' among `models` and `versions`.
        """
        kind = self._kinds[[self._claims.of(model) for model in models]][parts[0]]
        names = [mirrors[version] for mirrors in map(Mirrors, self._patterns) for version in versions]
        return [(parts[0], models), (kind * len(versions) + parts[1], names)]
