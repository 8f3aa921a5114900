"""The alpha of each e-process of a canary rule (`alpha.py` says how the rule's alpha is shared)."""

import math
from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.alpha import ACTING, Alphas, of_comparison, portion
from operators.rules.canary_state import CanaryState
from operators.rules.canary_verdict import levels
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.rules.guard import ALPHA_SHARE
from operators.stats.slice_weights import SliceWeights
from operators.stats.spending import Spending


def alpha_of(canary: CanaryState, process: Process, *, guard: bool = False) -> float:
    """Return the alpha of a process, or of the `guard` beside one of all traffic; slices share theirs."""
    alphas = _alphas_of(canary, process.release, process.sli)
    return (alphas.guard if guard else alphas.whole) if process.slice == "*" else alphas.slices


def alphas_of(canary: CanaryState, indices: Sequence[int] | Ints) -> Floats:
    """Return `alpha_of` of some processes by their numbers, (W,)."""
    canary.placed.follow(canary.of)
    which = np.asarray(indices, np.int64)
    column, whole = canary.placed.column[which], canary.placed.whole[which]
    levels = _levels(canary)
    of_each: Floats = np.where(whole, levels[0, column], levels[1, column])
    return of_each


def _levels(canary: CanaryState) -> Floats:
    """Return the alphas of all traffic, and of slices together, by release and SLI, (2, columns)."""
    columns = canary.placed.columns
    known = len(columns), [len(each.shares) for each in canary.spent.values()], canary.labelled.all_renewed()
    if canary.level_columns is None or canary.level_columns[0] != known:
        each = [_alphas_of(canary, *column) for column in columns]
        canary.level_columns = known, np.array([(one.whole, one.slices) for one in each]).reshape(-1, 2).T
    return canary.level_columns[1]


def _alphas_of(canary: CanaryState, release: Comparison, sli: int) -> Alphas:
    spent, renewed = canary.spent.get(release), canary.labelled.renewed(release, sli)
    # Shares are given once for all; that of an SLI without one yet depends on how many have been given.
    given = None if spent is None else len(spent.shares)
    known = canary.alphas.get((release, sli))
    if known is None or known[0] != (given, renewed):
        share = (spent or Spending(columns=canary.columns)).share(sli)
        shared = levels(of_comparison(canary.rule) * share, 1, canary.rule.slice_action in ACTING)
        part = ALPHA_SHARE if canary.dimensions else 0.0
        each = (1.0 - part) * shared.all_traffic, part * shared.all_traffic, shared.slices
        of_attempt = portion(release.attempt, renewed)
        known = canary.alphas[release, sli] = (given, renewed), Alphas(*(level * of_attempt for level in each))
    return known[1]


def chance_of(canary: CanaryState, process: Process, alpha: float, log_e: float | None) -> float:
    """Return the chance that any process of the release ever shows so much evidence, if the candidate is as good.

    It is at most the rule's alpha where all traffic is BAD; `alpha` is that of the process.
    """
    weights = canary.weights.get((process.release, process.sli), SliceWeights()).of
    weight = 1.0 if process.slice == "*" else weights.get(process.slice, 0.0)
    spent = alpha * weight / canary.rule.alpha
    return min(1.0, math.exp(-(log_e or 0.0)) / spent) if spent else 1.0
