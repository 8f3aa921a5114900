"""What can be concluded while some labels are still to come, perhaps more of one version than of the other.

Labels are compared at an age H by which nine in ten of the baseline's have come (`cohorts.py`). How many of the
candidate's have come by then is unknown: they may be slower, or fewer people may send them. The number of requests does
not depend on what is missing, so a verdict has to hold for the requests, too:

- BAD takes two findings: more of the candidate's labels are bad, and more of its requests have a bad label. The second
  is tested at the age H with a ratio above 1 / COMES, as a tenth of the baseline's bad labels is still to come, and at
  twice the age with any ratio above 1. The first alone is not enough, as good labels may be slow; nor is the second, as
  people may be asked more often. BAD is wrong with a chance of at most alpha where labels of both versions come at the
  same pace, else 1.25 alpha: alpha at H and a quarter of it at twice the age.
- OK must still hold at twice the age, when slow bad labels have come, and even if all labels are bad that the candidate
  lacks where the baseline's have come: the odds of a request without a good label are surely no more than `margin`
  times the baseline's.

Where only few requests get labels, the latter shows only that the candidate does not have a third fewer labels: people
who send none may think well or badly of their answer. Bad labels that come more than twice as late as the baseline's
show in `label_pace.py` as soon as they come, and before that in `missing_labels.py`.

Where a slice has more labels than requests (several for one request, or requests that nobody reports), labels are
counted instead of requests. Labels that do not say when their request was made are left out of all this.
"""

import math
from collections.abc import Sequence

import numpy as np

from operators.rules.canary_keys import Canary
from operators.rules.canary_verdict import Terms, not_worse
from operators.rules.cohorts import Block
from operators.rules.comparison import Comparison
from operators.rules.estimates import shifted
from operators.rules.evidence_log import Process
from operators.rules.label_delays import COMES
from operators.rules.missing_labels import Requests, may_be_bad
from operators.rules.stratified import RATIOS, Grain, Served, StratifiedProcesses, Values
from operators.stats.e_process import EProcesses

OLD = 0.25  # Of alpha, for the test at twice the age: added to alpha, as sharing alpha would take a blip more.


class LabelShares:
    """State: processes of bad labels per request at both ages, `young` and `old`; and at twice the age, `late`, of bad
    labels per label, and `missing`, of requests without a good one.
    """

    def __init__(self, rule: Canary, dimensions: Grain, grains: Sequence[Grain], cap: float, most: int) -> None:
        def of(processes: EProcesses, grains: Sequence[Grain]) -> StratifiedProcesses:
            return StratifiedProcesses(processes, dimensions, grains, most)

        whole = [grain for grain in grains if not grain]
        self.tolerance = rule.tolerance
        self.young = of(EProcesses(1 / COMES, 2 / COMES, cap=cap, ratios=RATIOS), grains)
        self.old = of(EProcesses(1.0, 2.0, cap=cap, ratios=RATIOS), grains)
        self.late = of(EProcesses(rule.tolerance, rule.margin, cap=cap), whole)
        self.missing = of(EProcesses(1.0, rule.margin, cap=cap), whole)

    def take(self, release: Comparison, sli: int, block: Block) -> None:
        """Take a block at the mature age, or at twice that."""
        span = block.begins, block.panes
        bad = _of_requests(block, good=False)
        if block.late:
            self.old.add(release, sli, span, bad)
            self.late.add(release, sli, span, block.labels)
            self.missing.add(release, sli, span, _of_requests(block, good=True))
        else:
            self.young.add(release, sli, span, bad)

    def log_e(self, process: Process) -> float:
        """Return ln E now of "more of the candidate's requests have a bad label", at either age."""
        each = [
            of.processes.log_e(of.at(process)).sum() + math.log(part) for of, part in self._parts
        ]  # Of one process or none.
        return float(np.logaddexp(each[0], each[1]))

    def is_bad(self, process: Process, alpha: float, ratio: float) -> bool:
        """Whether the candidate is worse even if all its missing labels are good.

        `ratio` is the baseline's ratio of bad labels among its labels, to which a `tolerance` above 1 applies.
        """
        return any(self._is_bad(of, process, alpha * part, ratio) for of, part in self._parts)

    def is_ok(self, process: Process, alpha: float, terms: Terms) -> bool:
        """Whether the candidate is surely not worse at twice the age, even if all missing labels are bad."""
        pairs = [(of.kept, of.at(process)) for of in (self.late, self.missing)]
        return all(len(which) and not_worse(kept, which, alpha, terms)[0] for kept, which in pairs)

    def fewer_good(self, process: Process, alpha: float) -> bool:
        """Whether surely fewer of the candidate's requests than of the baseline's have a good label."""
        which = self.missing.at(process)
        return bool((self.missing.processes.log_e_peak[which] >= -math.log(alpha)).any())

    def may_be_missing(self, process: Process, terms: Terms) -> bool:
        """Whether bad labels of the candidate seem to be missing at twice the age."""
        pairs = [(of.processes, of.at(process)) for of in (self.missing, self.old)]
        if not all(len(which) for _, which in pairs):
            return True
        not_good, bad = (processes.ratios(which) for processes, which in pairs)
        candidate, baseline = (Requests(float(not_good[arm][0]), float(bad[arm][0])) for arm in (0, 1))
        return may_be_bad(candidate, baseline, terms)

    def _is_bad(self, of: StratifiedProcesses, process: Process, alpha: float, ratio: float) -> bool:
        which = of.at(process)
        if not len(which) or of.processes.log_e_peak[which[0]] < -math.log(alpha):
            return False
        lower, of_requests = of.kept.odds(which, alpha)[0], of.processes.ratios(which)[1]
        least = float(shifted(of_requests, lower)[0] / of_requests[0]) * ratio
        return self.tolerance == 1 or least * (1 - ratio) > self.tolerance * ratio * (1 - least)

    @property
    def _parts(self) -> tuple[tuple[StratifiedProcesses, float], ...]:
        return (self.young, 1.0), (self.old, OLD)

    @property
    def processes(self) -> tuple[EProcesses, ...]:
        return tuple(each.processes for each in self._all)

    @property
    def _all(self) -> tuple[StratifiedProcesses, ...]:
        return self.young, self.old, self.late, self.missing

    def only(self, live: set[Comparison]) -> None:
        """Forget the other releases."""
        for each in self._all:
            each.only(live)

    def drop(self, release: Comparison, sli: int) -> None:
        """Begin an SLI anew."""
        for each in self._all:
            each.drop({(release, sli)})


def _of_requests(block: Block, *, good: bool) -> tuple[Served, Served]:
    """Return how many requests of both versions have a bad label, or do not have a `good` one.

    Labels are counted instead where a slice of either version has more labels than requests.
    """
    served: tuple[dict[Values, tuple[int, int]], dict[Values, tuple[int, int]]] = ({}, {})
    for values in dict.fromkeys(values for arm in (*block.labels, *block.requests) for values in arm):
        counts = [
            (requests.get(values, 0), *labels.get(values, (0, 0)))
            for labels, requests in zip(block.labels, block.requests, strict=True)
        ]
        known = all(n >= labels for n, labels, _ in counts)
        for arm, (requests, labels, bad) in zip(served, counts, strict=True):
            n = requests if known else labels
            arm[values] = n, (n - labels + bad if good else bad)
    return served
