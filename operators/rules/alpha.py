"""How much of a canary rule's `alpha` each way of acting on a release may spend.

The rule promises that a candidate that is no worse than its baseline is ever acted upon with chance <= alpha. The alpha
is shared between

- the comparison with the baseline and, where the baseline serves no more, the comparison with what it had before
  (`release/cutover.py`), which has `CUTOVER` of alpha where it acts;
- each SLI and limit of a measure (`stats/spending.py`), and its guard (`guard.py`); slices have half of each where they
  act (`canary_verdict.levels`);
- an SLI on labels before and after the age at which they are mature is known, where that age is learned only after the
  release began (`cohorts.py`): the results of younger labels are thrown away then, but may have acted, so `RENEWED` of
  the SLI's part is for what comes after;
- a comparison that begins anew: the release was declared again with other metadata, a shared cause has ended, somebody
  revoked an override, or the candidate was forgotten and came again. The n-th comparison of a version has 1 / n^2 of
  alpha: the first has alpha, and all comparisons of a version, until it is promoted, have less than `TOTAL` times
  alpha. (Of versions that are not known any more a model remembers the hundred that were compared most often: a name
  that every build has is among them, however many others come and go.)
  that every build has is among them, however many others come and go.)

What only holds a promotion has an alpha of its own: slices, where they do not act.
"""

import math
from typing import NamedTuple

from operators.policy.rules import ReleaseRule

ACTING = ("rollback", "kill", "throttle")
CUTOVER = 0.1
RENEWED = 0.1
TOTAL = math.pi**2 / 6


class Alphas(NamedTuple):
    """The alphas of a release and SLI: of the process of all traffic, of its guard, and of all slices together."""

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
    """Return the part of its alphas that the n-th comparison of a version has.

    `renews`: False while an SLI may have to begin anew once, True when it has, None where it never will.

    >>> portion(1), portion(2), portion(1, renews=False), portion(1, renews=True)
    (1.0, 0.25, 0.9, 0.1)
    """
    share = 1.0 if renews is None else RENEWED if renews else 1.0 - RENEWED
    return share / max(attempt, 1) ** 2
