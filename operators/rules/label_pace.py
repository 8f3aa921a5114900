"""Do a candidate's labels come later than its baseline's? Then the labels of both by one age are not comparable.

Labels are cut at the age by which nine in ten of the baseline's have come (`cohorts.py`). If the candidate's good
labels are slower than that, those that have come by then are mostly bad, and it looks worse than it is; if its bad
labels are slower, it looks better. Both show in the labels that come after that age, for requests that both versions
served at the same time: `late` labels are counted beside those in time, good and bad apart. A kind is slower where the
candidate's odds of a late label are surely more than `TIMES` times the baseline's, by bounds that hold however often
one looks.

Labels so slow that none has come yet do not show.
"""

import msgspec
import numpy as np

from operators.stats.multiple_testing import Bools
from operators.stats.ratio_bound import lower, upper
from operators.window.label_ages import UNDATED, LabelAges

TIMES = 1.5  # Traffic that grows or falls in one version alone changes its share of late labels by less than this.
ALPHA = 0.05  # Of each bound.
KINDS = ("good", "bad")


class LabelPace(msgspec.Struct, kw_only=True):
    """Labels in time and `late`, [candidate, baseline][good, bad] each."""

    in_time: list[list[int]] = msgspec.field(default_factory=lambda: [[0, 0], [0, 0]])
    late: list[list[int]] = msgspec.field(default_factory=lambda: [[0, 0], [0, 0]])

    def add(self, arm: int, labels: LabelAges, is_late: Bools) -> None:
        """Take the labels of candidate (0) or baseline (1), except those without the time of their request."""
        dated = labels.age != UNDATED
        for bad in (0, 1):
            mine = dated & (labels.bad == bad)
            self.in_time[arm][bad] += int(labels.n[mine & ~is_late].sum())
            self.late[arm][bad] += int(labels.n[mine & is_late].sum())

    def slower(self) -> str:
        """Return which kind of the candidate's labels surely comes later: "good", "bad", or "" for none.

        >>> pace = LabelPace(in_time=[[90, 20], [900, 200]], late=[[60, 2], [100, 20]])
        >>> pace.slower()
        'good'
        """
        for bad, kind in enumerate(KINDS):
            late = np.array([self.late[0][bad], self.late[1][bad]])
            n = late + np.array([self.in_time[0][bad], self.in_time[1][bad]])
            seen = late / np.maximum(n, 1)
            if not n.all() or seen[0] * (1 - seen[1]) <= TIMES * seen[1] * (1 - seen[0]):
                continue  # The bounds are farther apart than what was observed.
            candidate, baseline = float(lower(late, n, ALPHA)[0]), float(upper(late, n, ALPHA)[1])
            if candidate * (1 - baseline) > TIMES * baseline * (1 - candidate):
                return kind
        return ""
