"""Which of a policy's names the events of a run have: hours, series, and how much each SLI and measure counted."""

from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.spans import HOUR_MS
from operators.window.leaf_index import LeafSeries
from operators.window.pane_items import Closed
from operators.window.partial import GOOD, NEITHER, N
from operators.window.team_panes import TeamItem


class Seen(msgspec.Struct, kw_only=True):
    """What closed panes hold of items that came on time.

    `hours` are those with any item, since 1970. By file of the policy: `series`, `slis` (S,), the good and bad of each
    SLI, and `values` (M,), the number of values of each measure.
    """

    hours: set[int] = msgspec.field(default_factory=set)
    series: dict[str, set[LeafSeries]] = {}
    slis: dict[str, Ints] = {}
    values: dict[str, Ints] = {}

    def take(self, policy: Policy, item: Any) -> None:
        """Take a closed pane, or another output of the panes."""
        each, pane = (policy.teams[item.team], item.item) if isinstance(item, TeamItem) else (policy, item)
        if not isinstance(pane, Closed) or pane.on_time is None:
            return
        team, counts = each.team, pane.on_time
        self.hours.add(pane.pane * each.pane_ms // HOUR_MS)
        self.series.setdefault(team, set()).update(counts.series)
        slis, values = counts.slis[:, :, GOOD:NEITHER].sum(axis=(0, 2)), counts.sums[:, :, N].sum(axis=0)
        self.slis[team] = self.slis.get(team, np.zeros_like(slis)) + slis
        self.values[team] = self.values.get(team, np.zeros_like(values)) + values
