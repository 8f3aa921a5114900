"""Which rows of a window are looked at when it ends: those that are stored, and those that a rule judges.

Quantiles and bounds are worked out of these alone: they are most of what a window costs.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import Policy, Window
from operators.policy.rules import Grain, StatisticRule

Flags = NDArray[np.bool_]


class LookedAt:
    """What is looked at of one window, by the numbers of grains in the policy."""

    def __init__(self, window: Window, policy: Policy, rules: Iterable[StatisticRule]) -> None:
        self._grains = policy.grains
        self._reports = (
            [(each.every_ms, self._marked(each.grains)) for each in policy.reports[window]]
            if window in policy.reports
            else [(window.every_ms, self._marked(policy.grains))]
        )
        self._of_rules = self._marked([grain for rule in rules for grain in rule.grains])

    def stored(self, end_ms: int, grains: Ints) -> Flags:
        """Return which rows of the window that ends then are stored; `grains` are the numbers of theirs."""
        stored = np.zeros(len(self._grains) + 1, bool)  # The last is of what has none of the grains: -1.
        for every_ms, marked in self._reports:
            if end_ms % every_ms == 0:
                stored |= marked
        return stored[grains]

    def of_rules(self, grains: Ints) -> Flags:
        """Return which rows a rule on a measure may judge."""
        return self._of_rules[grains]

    def _marked(self, grains: Iterable[Grain]) -> Flags:
        marked = np.zeros(len(self._grains) + 1, bool)
        marked[[self._grains.index(grain) for grain in grains]] = True
        return marked
