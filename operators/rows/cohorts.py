"""What a closed pane adds to the cohorts of requests: rows of sli_cohort, which merge by sums.

A row counts the requests made in a pane, or those of them on which feedback came later, when `arrival` closed.
The cohort of a pane is the sum of all its rows; `sli_by_cohort` says which cohorts are mature.
"""

import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.sli import by_cohorts
from operators.store.rows import Coded, Column, Rows
from operators.window.label_ages import decode
from operators.window.partial import Partial


def cohort_counts(part: Partial, policy: Policy) -> tuple[Ints, Ints]:
    """Return (row, SLI, lag in panes) and (requests, bad) of all additions to cohorts, (n, 3) and (n, 2), in order."""
    ages = decode(part.ages, part.slis.shape[1])
    kept = np.isin(ages.sli, list(by_cohorts(policy.slis)))
    keys = np.column_stack((ages.row, ages.sli, ages.lag))[kept]
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    counts = np.zeros((len(distinct), 2), np.int64)
    np.add.at(counts, (which.ravel(), ages.bad[kept]), ages.n[kept])
    return distinct, counts


def cohort_rows(part: Partial, named: dict[str, Column], keys: Ints, counts: Ints, policy: Policy) -> Rows:
    """Return the rows; `named` are their columns for series, pane and lateness."""
    slis = policy.slis
    return Rows(
        table="sli_cohort",
        columns=named
        | {
            "pane_start": (part.pane[keys[:, 0]] - keys[:, 2]) * policy.pane_ms,
            "sli": Coded(values=[sli.name for sli in slis], codes=keys[:, 1]),
            "within_ms": Coded(values=[sli.within_ms or 0 for sli in slis], codes=keys[:, 1]),
            "came": part.pane[keys[:, 0]] * policy.pane_ms,
            "requests": counts[:, 0],
            "bad": counts[:, 1],
            "ver": counts.sum(axis=1),
        },
    )
