"""Canary as a kind of rule: its words in `rollguard check`, and everything else that a kind brings.

The classes it saves are in several files, and listed in `operators/saved_names.py`.
"""

import math
from collections.abc import Iterator

import numpy as np

from operators.policy.policy import Policy
from operators.policy.reading import span
from operators.rules.alpha import ACTING, of_comparison
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_keys import Canary, check_keys
from operators.rules.canary_state import BLIP_CAP
from operators.rules.canary_verdict import levels
from operators.rules.exceeding import columns
from operators.rules.kind import RuleKind
from operators.rules.recovery import by_arms
from operators.stats.ratio_bound import upper

# What a canary is measured to need beyond ln(1 / alpha) to learn the size and the beginning of the damage, in nats.
LEARNING = 1.4
SHARE = 0.1  # Of the traffic, for the figures of a canary.


def _when(rule: Canary) -> str:
    by = f" by more than {rule.tolerance:.6g} times the odds" if rule.tolerance > 1 else ""
    by += f", {rule.tolerance_points:.6g} points" if rule.tolerance_points else ""
    worse = f"a candidate is worse than its baseline{by} in {', '.join(rule.slis)}"
    return f"{worse}{_larger(rule)}; wrongly in {rule.alpha:.6g}"


def _larger(rule: Canary) -> str:
    """Say which measures may not be larger, and by how much."""
    named = [
        f"{'mean' if each.quantile is None else f'p{100 * each.quantile:g}'} of {each.name} by more than "
        f"{each.tolerance:.4g} of it"
        for each in rule.measures
    ]
    return f", or larger in {', '.join(named)}" if named else ""


def _detects(rule: Canary) -> Iterator[str]:
    # Each SLI and each limit of a measure has its part of alpha.
    alpha = levels(of_comparison(rule), columns(rule), rule.slice_action in ACTING).all_traffic
    needed = LEARNING - math.log(alpha)
    for times in (2, 3, 5):
        yield f"x{times}: {needed / _nats(times):,.0f} bad events"
    yield f"(of both, at {SHARE:.0%} of the traffic)"
    if rule.blip_ms:
        blips = math.ceil(needed / math.log(BLIP_CAP))
        yield f"nothing before {span(blips * rule.blip_ms)}"
    yield from _promotion(rule, alpha, needed)


def _promotion(rule: Canary, alpha: float, needed: float) -> Iterator[str]:
    """Say how many requests a candidate that is as good as its baseline needs to be promoted."""
    yield f"passes after {needed / _nats(rule.margin, back=True):,.0f} bad events where both are alike"
    if rule.margin_points > 0:
        sizes = np.geomspace(10, 1e8, 141).astype(np.int64)
        enough = upper(np.zeros_like(sizes), sizes, alpha / 2) <= rule.margin_points
        if enough.any():
            yield f"or {sizes[enough.argmax()]:,} requests of it if none is bad"


def _nats(times: float, *, back: bool = False) -> float:
    """Return the evidence in a bad event, of either version, when the candidate's bad ratio is `times` the baseline's.

    It is KL(share under the damage || share of traffic) of the candidate among bad events, which are rare; `back`: the
    reverse, the evidence against `times` when the two are alike.
    """
    damaged = SHARE * times / (SHARE * times + 1.0 - SHARE)
    share, other = (SHARE, damaged) if back else (damaged, SHARE)
    return share * math.log(share / other) + (1.0 - share) * math.log((1.0 - share) / (1.0 - other))


def _looks_at(rule: Canary, policy: Policy) -> Iterator[str]:
    """Say how old labels are when they are compared."""
    if any(sli.on_labels and sli.name in rule.slis for sli in policy.slis):
        age = "when 9 in 10 have come" if rule.maturity_ms is None else f"{span(rule.maturity_ms)} old"
        yield f"labels {age}"


KIND = RuleKind(
    name="canary",
    rule=Canary,
    evaluator=CanaryEvaluator,
    recovery=by_arms,
    when=_when,
    detects=_detects,
    looks_at=_looks_at,
    check=check_keys,
)
