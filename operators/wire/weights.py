"""Target weights, as control events carry them: the share of a model's traffic that each version must get.

Whole weights add up to 1: they divide all traffic, and a version that is not named gets nothing. Other weights are
caps: each is the most that its version may get, and versions that are not named have no limit.
"""

from collections.abc import Mapping

PRECISION = 1e-4  # Of a sum of weights: each has six digits, and there may be a hundred.


def is_whole(weights: Mapping[str, float]) -> bool:
    """Tell whether weights are shares that leave nothing over.

    >>> is_whole({"v1": 0.95, "v2": 0.05}), is_whole({"v2": 0.05}), is_whole({})
    (True, False, False)
    """
    return sum(weights.values()) > 1.0 - PRECISION


def capped(weights: Mapping[str, float], caps: Mapping[str, float]) -> dict[str, float]:
    """Return whole weights with no version above its cap; the rest goes to the others in proportion to their weights.

    Where all versions are capped nothing takes the rest, and the result is not whole.

    >>> capped({"v1": 0.5, "v2": 0.5}, {"v2": 0.05, "v3": 0.0})
    {'v1': 0.95, 'v2': 0.05}
    """
    low = {version: min(weight, caps.get(version, 1.0)) for version, weight in weights.items()}
    heirs = {version: weight for version, weight in low.items() if version not in caps}
    total = sum(heirs.values())
    over = sum(weights.values()) - sum(low.values())
    more = {version: weight * (1.0 + over / total) for version, weight in heirs.items()} if total else {}
    return {version: round(weight, 6) for version, weight in (low | more).items()}
