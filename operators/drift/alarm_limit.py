"""The alarm limits of a monitor, and milder ones, which alarm less often."""

import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from operators.policy.monitors import Monitor

M = TypeVar("M", bound=Monitor)

SIGMAS = (1.2, 1.5, 2.0, 3.0, 5.0, 8.0)
SHARES = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


class AlarmLimit(msgspec.Struct, frozen=True, kw_only=True):
    """The `keys` that are set together, and the rising `factors` that make them milder; values stay below `most`.

    Without keys the monitor has no limit to set.
    """

    keys: tuple[str, ...] = ()
    factors: Sequence[float] = ()
    most: float = math.inf

    def milder(self, monitor: M) -> list[M]:
        """Return the monitor with milder and milder limits, under its name.

        >>> from operators.drift.mean_monitor import Sigma
        >>> monitor = Sigma(name="judge", kind="sigma", on=("feedback.judge",), sigmas=2)
        >>> [each.sigmas for each in AlarmLimit(keys=("sigmas",), factors=(1.5, 2, 3), most=5).milder(monitor)]
        [3.0, 4.0]
        """
        found = []
        for factor in self.factors:
            values = {key: float(f"{getattr(monitor, key) * factor:.3g}") for key in self.keys}
            if all(value < self.most for value in values.values()):
                found.append(msgspec.structs.replace(monitor, **values))
        return found

    def of(self, monitor: Monitor) -> dict[str, float]:
        """Return the limits of a monitor by key."""
        return {key: getattr(monitor, key) for key in self.keys}
