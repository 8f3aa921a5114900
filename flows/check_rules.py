"""The rules of a policy in words, each with the smallest harm that it can see."""

import math
from collections.abc import Iterator

import numpy as np
from rich.table import Table

from operators.policy.policy import Policy
from operators.policy.reading import span
from operators.policy.rules import Absence, AnyRule, BurnRate, Canary, DriftRule, Grain, MeasureRule, Threshold
from operators.rules.canary import ACTING, BLIP_CAP
from operators.rules.canary_verdict import levels
from operators.rules.exceeding import columns
from operators.stats.binomial_tails import good_most
from operators.stats.ratio_bound import upper

SIZES = (1, 10, 100, 1_000)  # Events in a window, for which the smallest harm is said.
# What a canary is measured to need beyond ln(1 / alpha) to learn the size and the beginning of the damage, in nats.
LEARNING = 1.4
SHARE = 0.1  # Of the traffic, for the figures of a canary.


def rules_table(policy: Policy) -> Table:
    """Return a row for each rule: when it is BAD, what it can see, what it leads to."""
    table = Table("rule", "judges", "BAD when", "can see", "then", box=None, padding=(0, 2, 1, 0), header_style="bold")
    for rule in policy.rules:
        table.add_row(rule.name, _judged(rule, policy), when(rule), "\n".join(detects(rule)), _then(rule, policy))
    return table


def when(rule: AnyRule) -> str:
    """Say what makes a rule BAD."""
    match rule:
        case Threshold():
            lasting = f" for {span(rule.for_ms)}" if rule.for_ms else ""
            return f"{rule.sli} surely below {rule.target:.6g} over {span(rule.window_ms)}{lasting}"
        case BurnRate():
            return f"the {span(rule.period_ms)} budget of {rule.sli} {rule.target:.6g} burns too fast, surely"
        case MeasureRule():
            limits = (("above", rule.at_most), ("below", rule.at_least))
            beyond = " or ".join(f"{word} {limit:.6g}" for word, limit in limits if limit is not None)
            lasting = f" for {span(rule.for_ms)}" if rule.for_ms else ""
            return f"{rule.statistic} of {rule.measure} {beyond} over {span(rule.window_ms)}{lasting}"
        case Absence():
            return f"STALE: had events, and none for {span(rule.after_ms)}"
        case Canary():
            by = f" by more than {rule.tolerance:.6g} times the odds" if rule.tolerance > 1 else ""
            by += f", {rule.tolerance_points:.6g} points" if rule.tolerance_points else ""
            worse = f"a candidate is worse than its baseline{by} in {', '.join(rule.slis)}"
            return f"{worse}{_larger(rule)}; wrongly in {rule.alpha:.6g}"
        case DriftRule():
            return f"drift is found by {', '.join(rule.monitors)}"


def detects(rule: AnyRule) -> Iterator[str]:
    """Yield what is the smallest harm that a rule can see, line by line."""
    match rule:
        case Threshold():
            for n, most in zip(SIZES, good_most(np.array(SIZES), rule.target, rule.confidence).tolist(), strict=True):
                yield f"of {n:,}: " + ("nothing" if most < 0 else f"{most / n:.1%} good")
        case BurnRate():
            yield from (_tier(rule, index) for index in range(len(rule.tiers)))
        case MeasureRule():
            yield f"from {rule.n_min:,} values on"
        case Absence():
            yield "a log that moves on without it"
        case Canary():
            # Each SLI and each limit of a measure has its part of alpha.
            alpha = levels(rule.alpha, columns(rule), rule.slice_action in ACTING).all_traffic
            needed = LEARNING - math.log(alpha)
            for times in (2, 3, 5):
                yield f"x{times}: {needed / _nats(times):,.0f} bad events"
            yield f"(of both, at {SHARE:.0%} of the traffic)"
            if rule.blip_ms:
                blips = math.ceil(needed / math.log(BLIP_CAP))
                yield f"nothing before {span(blips * rule.blip_ms)}"
            yield from _promotion(rule, alpha, needed)
        case DriftRule():
            yield "what its monitors see"


def _promotion(rule: Canary, alpha: float, needed: float) -> Iterator[str]:
    """Say how many requests a candidate that is as good as its baseline needs to be promoted."""
    yield f"passes after {needed / _nats(rule.margin, back=True):,.0f} bad events where both are alike"
    if rule.margin_points > 0:
        sizes = np.geomspace(10, 1e8, 141).astype(np.int64)
        enough = upper(np.zeros_like(sizes), sizes, alpha / 2) <= rule.margin_points
        if enough.any():
            yield f"or {sizes[enough.argmax()]:,} requests of it if none is bad"


def _larger(rule: Canary) -> str:
    """Say which measures may not be larger, and by how much."""
    said = [
        f"{'mean' if each.quantile is None else f'p{100 * each.quantile:g}'} of {each.name} by more than "
        f"{each.tolerance:.4g} of it"
        for each in rule.measures
    ]
    return f", or larger in {', '.join(said)}" if said else ""


def _tier(rule: BurnRate, index: int) -> str:
    tier = rule.tiers[index]
    limit = tier.factor * (1.0 - rule.target)
    sizes = np.array([10, 100, 1_000])
    fewest = sizes - good_most(sizes, 1.0 - limit, rule.confidence)
    seen = ", ".join(f"{few} of {n:,}" for few, n in zip(fewest.tolist(), sizes.tolist(), strict=True) if few <= n)
    windows = f"{span(tier.long_ms)} and {span(tier.short_ms)}"
    return f"{tier.severity}: x{tier.factor:.4g}, {limit:.2%} bad in {windows}; {seen or 'nothing below 1,000'}"


def _nats(times: float, *, back: bool = False) -> float:
    """Return the evidence in a bad event, of either version, when the candidate's bad ratio is `times` the baseline's.

    It is KL(share under the damage || share of traffic) of the candidate among bad events, which are rare; `back`: the
    reverse, the evidence against `times` when the two are alike.
    """
    damaged = SHARE * times / (SHARE * times + 1.0 - SHARE)
    share, other = (SHARE, damaged) if back else (damaged, SHARE)
    return share * math.log(share / other) + (1.0 - share) * math.log((1.0 - share) / (1.0 - other))


def _judged(rule: AnyRule, policy: Policy) -> str:
    whose = "all versions" if rule.scope == "model" else "each version"
    return "\n".join([whose, *(_slice(grain, policy) for grain in rule.grains), *_maturity(rule, policy)])


def _maturity(rule: AnyRule, policy: Policy) -> Iterator[str]:
    """Say how old labels are when a canary compares them."""
    if isinstance(rule, Canary) and any(sli.on_feedback and sli.name in rule.slis for sli in policy.slis):
        age = "when 9 in 10 have come" if rule.maturity_ms is None else f"{span(rule.maturity_ms)} old"
        yield f"labels {age}"


def _slice(grain: Grain, policy: Policy) -> str:
    return ",".join(policy.dimensions[index] for index in grain) or "*"


def _then(rule: AnyRule, policy: Policy) -> str:
    severity = "" if isinstance(rule, BurnRate) else f" ({rule.severity})"
    lines = [f"{rule.action}{severity}"]
    if isinstance(rule, Canary) and len(rule.grains) > 1:
        lines.append(f"{rule.slice_action} in a slice")
    if isinstance(rule, Canary):
        lines.append(f"{rule.cutover_action} at a cut-over beyond x{rule.cutover_tolerance:.6g}")
    if "rollback" in (rule.action, getattr(rule, "slice_action", "")):
        lines += _goes(rule, policy)
    elif rule.action == "throttle":
        lines.append(f"to {100 * policy.releases.throttle_share:.3g} % of the traffic; hold if no other version serves")
    return "\n".join(lines)


def _goes(rule: AnyRule, policy: Policy) -> Iterator[str]:
    """Say where the traffic of a version goes that a rule rolls back."""
    yield "to its baseline" if isinstance(rule, Canary) else "to its baseline, or what surely does better"
    models = {} if rule.fallback != "hold" else policy.releases.fallback
    for word, of in [*((named, f" ({pattern})") for pattern, named in models.items()), (rule.fallback, "")]:
        yield f"else {word if word in ('hold', 'kill') else f'to {word}'}{of}"
