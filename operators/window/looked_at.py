"""The rows of a window that are looked at when it ends: those that are stored, and those that a rule judges.

Quantiles and bounds, most of the cost of a window, are worked out for these rows alone.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.rules import Grain, StatisticRule
from operators.policy.windows import Window

Flags = NDArray[np.bool_]


class LookedAt:
    """The rows of one window that are looked at, by the numbers of their grains in the policy."""

    def __init__(self, window: Window, policy: Policy, rules: Iterable[StatisticRule]) -> None:
        self._grains = policy.grains
        self._reports = (
            [(each.every_ms, self._marked(each.grains)) for each in policy.reports[window]]
            if window in policy.reports
            else [(window.every_ms, self._marked(policy.grains))]
        )
        self._of_rules = self._marked([grain for rule in rules for grain in rule.grains])
        self._whole = self._marked([grain for grain in policy.grains if not grain])
        # A row that is reported only once or twice while the window holds a hop is not worth counting in and out.
        often = [marked for every_ms, marked in self._reports if 2 * every_ms < window.size_ms]
        self._often: Flags = np.logical_or.reduce([self._of_rules, *often])
        self._stored: dict[tuple[bool, ...], Flags] = {}

    def reports(self, end_ms: int) -> tuple[bool, ...]:
        """Return which reports are made of the window that ends then [Unix ms]."""
        return tuple([end_ms % every_ms == 0 for every_ms, _ in self._reports])

    def stored(self, reports: tuple[bool, ...], grains: Ints) -> Flags:
        """Return which rows of the window are stored if these reports are made; `grains` are their grain numbers."""
        stored = self._stored.get(reports)
        if stored is None:
            made = [marked for (_, marked), is_made in zip(self._reports, reports, strict=True) if is_made]
            stored = self._stored[reports] = np.logical_or.reduce([self._marked(()), *made])
        return stored[grains]

    def whole(self, grains: Ints) -> Flags:
        """Return which rows are those of all traffic."""
        return self._whole[grains]

    def of_rules(self, grains: Ints) -> Flags:
        """Return which rows a rule on a measure may judge."""
        return self._of_rules[grains]

    def often(self, grains: Ints) -> Flags:
        """Return which rows are looked at so often that the histograms of a sliding window should hold them."""
        return self._often[grains]

    def _marked(self, grains: Iterable[Grain]) -> Flags:
        marked = np.zeros(len(self._grains) + 1, bool)  # The last stands for rows with none of the grains: -1.
        marked[[self._grains.index(grain) for grain in grains]] = True
        return marked
