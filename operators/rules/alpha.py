"""How much of a canary rule's `alpha` each way of acting on a release may spend.

The rule promises that a candidate that is no worse than its baseline is ever acted upon with chance <= alpha. It may be
acted upon by

- the comparison with the baseline; and where that serves no more, with what it had before (`release/cutover.py`), which
  has `CUTOVER` of alpha where it acts;
- each SLI and limit of a measure (`stats/spending.py`), and its guard (`guard.py`); slices have half of each where they
  act (`canary_verdict.levels`);
- an SLI on labels before and after the age at which they are mature is known, where that is learned only after the
  release began (`cohorts.py`): what came of younger labels is thrown away then, but may have acted, so `RENEWED` of its
  part is for what comes after;
- a comparison that begins anew: the release was declared again with other metadata, a shared cause has ended, somebody
  revoked an override, it was not known any more and came again. The n-th of a version has 1 / n^2 of alpha: one
  comparison has alpha, and all that there will ever be of a version, until it is promoted, less than `TOTAL` times
  alpha. (Of versions that are not known any more a model remembers the hundred that were compared most often: a name
  that every build has is among them, however many others come and go.)

What only holds a promotion has alpha beside that: slices where they do not act.
"""

import math
from typing import NamedTuple

from operators.policy.rules import ReleaseRule

ACTING = ("rollback", "kill", "throttle")
CUTOVER = 0.1
RENEWED = 0.1
TOTAL = math.pi**2 / 6


class Alphas(NamedTuple):
    """What the processes of a release and SLI may be wrong with: of all traffic, its guard, and of slices together."""

    whole: float
    guard: float
    slices: float


def of_comparison(rule: ReleaseRule) -> float:
    """Return the alpha of the comparison with the baseline, over all SLIs, measures and slices."""
    return rule.alpha * (1 - CUTOVER) if rule.cutover_action in ACTING else rule.alpha


def of_cutover(rule: ReleaseRule) -> float:
    """Return the alpha of the comparison with what a baseline had before, over all SLIs."""
    return rule.alpha * CUTOVER if rule.cutover_action in ACTING else rule.alpha


def portion(attempt: int, renews: bool | None = None) -> float:
    """Return the part of these that the n-th comparison of a version has.

    `renews`: False while it may have to begin anew once, and True when it has.

    >>> portion(1), portion(2), portion(1, renews=False), portion(1, renews=True)
    (1.0, 0.25, 0.9, 0.1)
    """
    share = 1.0 if renews is None else RENEWED if renews else 1.0 - RENEWED
    return share / max(attempt, 1) ** 2
