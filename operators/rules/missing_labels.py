"""Might bad labels of a candidate still be missing, so that it is not to be promoted yet?

Where few requests get labels, it cannot be proven that a candidate is well even if all missing labels are bad
(`label_shares.py`): silence may mean anything. But a slow bad label leaves two traces before it comes: one label fewer,
and one bad label fewer. So a candidate waits for twelve times the age at which labels are compared where, at twice that
age, it seems that

- fewer of its requests have labels than of the baseline's, and if all the missing labels were bad, it would be worse by
  more than the margins; or
- its odds of a bad label are lower than the baseline's by more than `margin`: it is much better, or they are slow.

Labels up to ten times as late have begun to come by then, and show in `label_pace.py`. A candidate that is as good as
its baseline hardly waits: a shortfall by chance is soon small. None of this is checked where nearly all requests have
labels, as there all missing labels may be bad, or where the policy sets the age: then the policy says by when labels
have come. Bad labels that are slower still, or few beside others in time, are not found.
"""

from typing import NamedTuple

from operators.rules.canary_verdict import Terms

LONG = 12  # How many times the age at which labels are compared.


class Requests(NamedTuple):
    """The share of a version's requests without a good label, and of those with a bad one."""

    not_good: float
    bad: float


def may_be_bad(candidate: Requests, baseline: Requests, terms: Terms) -> bool:
    """Tell whether so few labels of the candidate, or so few bad ones, have come that bad ones may be missing.

    >>> terms = Terms(tolerance=1.0, tolerance_points=0.0, margin=1.5, margin_points=0.001)
    >>> baseline = Requests(not_good=0.9525, bad=0.0025)  # One request in twenty has a label, one of these is bad.
    >>> may_be_bad(Requests(0.9525, 0.0025), baseline, terms), may_be_bad(Requests(0.955, 0.0025), baseline, terms)
    (False, True)
    >>> may_be_bad(Requests(0.95, 0.001), baseline, terms)
    True
    >>> may_be_bad(Requests(0.06, 0.03), Requests(0.05, 0.05), terms)
    False
    """
    good_c, good_b = 1.0 - candidate.not_good, 1.0 - baseline.not_good
    odds = baseline.bad / good_b
    if candidate.not_good <= terms.margin * odds * good_c:
        return False  # The candidate is well even if all missing labels are bad.
    labelled = good_b + baseline.bad
    fewer = labelled - good_c > terms.margin * odds * good_c and good_b - good_c > terms.margin_points * labelled
    better = candidate.bad * (1.0 - baseline.bad) * terms.margin < baseline.bad * (1.0 - candidate.bad)
    return fewer or better
