"""Cohorts of requests on their way to the rules: each counts once, when feedback on it can no longer be in time.

An SLI such as `feedback_absent` calls a request good when no feedback of a certain kind comes within some time. Until
that time is over the outcome is unknown. So the requests of a pane are kept, with the feedback on them so far, and
count as good and bad in the pane in which their time ends: `within` after they were made, and for both versions in the
same pane. If there is more feedback than requests, as when somebody sends it twice, all count as bad.

Late items count in table sli_cohort alone; rules never see them.
"""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import CountColumns, Policy
from operators.policy.sli import by_cohorts
from operators.window.label_ages import decode
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.partial import BAD, GOOD, Partial
from operators.window.widening import Begins, before_begin, widened

PARTS_MAX = 16  # Partials of a cohort before they are merged into one.


def waits(policy: Policy) -> dict[int, int]:
    """Return, by number of the cohort SLIs that rules are about, after how many panes a cohort counts.

    Feedback that is in time has come by then.
    """
    names = {name for rule in policy.rules for name in rule.sli_names}
    known = by_cohorts(policy.slis).items()
    return {index: -(-(sli.within_ms or 0) // policy.pane_ms) for index, sli in known if sli.name in names}


class Maturing:
    """The cohorts of one shard, each for as long as `waits` says.

    State, by the pane of the cohort: a partial with its requests as good, and the feedback on them as bad.
    """

    def __init__(self, policy: Policy, saved: Mapping[int, bytes], had: CountColumns | None = None) -> None:
        self._after = after = waits(policy)
        self._last = max(after.values(), default=0)
        self._cohorts = {pane: [widened(unpack(part), policy, had)] for pane, part in saved.items()} if after else {}
        self._packed = dict(saved) if after and had in (None, policy.columns) else {}
        self._begun: set[int] = set()

    def panes(self, after: int) -> set[int]:
        """Return the panes after `after` in which cohorts count."""
        due = {cohort + wait for cohort in self._cohorts for wait in set(self._after.values())}
        return {pane for pane in due if pane > after}

    def begun(self) -> set[int]:
        """Return the panes in which those cohorts count that began since the last call."""
        begun, self._begun = self._begun, set()
        return begun

    def save(self) -> dict[int, bytes]:
        """Return all that a restart needs; unchanged cohorts are not packed again."""
        for pane, parts in self._cohorts.items():
            if pane not in self._packed:
                self._packed[pane] = pack(merge(parts))
        return dict(self._packed)

    def take(self, pane: int, on_time: Partial | None, sliced: Begins) -> Partial | None:
        """Note what came in on time in the next pane that closes; return what counts in it, None for nothing.

        `sliced` has the first panes of slice dimensions: feedback on earlier requests is not told apart by these, as
        the requests are not.
        """
        if not self._after:
            return None
        if on_time is not None and len(on_time.ages):
            self._note(pane, on_time, sliced)
        counted = [*self._counted(pane)]
        for cohort in [cohort for cohort in self._cohorts if cohort + self._last <= pane]:
            del self._cohorts[cohort]
            self._packed.pop(cohort, None)
        return merge(counted) if counted else None

    def _note(self, pane: int, part: Partial, sliced: Begins) -> None:
        ages = decode(part.ages, part.slis.shape[1])
        ours = np.isin(ages.sli, list(self._after)) & (ages.lag <= self._last)
        for lag in np.unique(ages.lag[ours]).tolist():
            chosen = ours & (ages.lag == lag)
            rows, at = np.unique(ages.row[chosen], return_inverse=True)
            slis = np.zeros((len(rows), *part.slis.shape[1:]), np.int64)
            np.add.at(slis, (at, ages.sli[chosen], ages.bad[chosen]), ages.n[chosen])
            if pane - lag not in self._cohorts:
                self._cohorts[pane - lag] = []
                self._begun |= {ripe for wait in self._after.values() if (ripe := pane - lag + wait) > pane}
            parts = self._cohorts[pane - lag]
            parts.append(before_begin(_counts_alone(part, rows, slis, pane - lag), pane - lag, sliced))
            if len(parts) > PARTS_MAX:
                self._cohorts[pane - lag] = [merge(parts)]
            self._packed.pop(pane - lag, None)

    def _counted(self, pane: int) -> Iterable[Partial]:
        for sli, wait in self._after.items():
            parts = self._cohorts.get(pane - wait)
            if parts is None:
                continue
            whole = merge(parts)
            rows = np.flatnonzero(whole.slis[:, sli, GOOD])  # Without requests nothing can be good or bad.
            requests, heard = whole.slis[rows, sli, GOOD], whole.slis[rows, sli, BAD]
            slis = np.zeros((len(rows), *whole.slis.shape[1:]), np.int64)
            slis[:, sli, BAD] = np.minimum(heard, requests)
            slis[:, sli, GOOD] = requests - slis[:, sli, BAD]
            if len(rows):
                yield _counts_alone(whole, rows, slis, pane)


def _counts_alone(part: Partial, rows: Ints, slis: Ints, pane: int) -> Partial:
    """Return some rows of a partial in another pane, with `slis` for their counts, and nothing else."""
    none, count = np.zeros(len(rows), np.int64), len(rows)
    return msgspec.structs.replace(
        part,
        error_types=(),
        which=part.which[rows],
        pane=none + pane,
        late=none,
        events=none,
        slis=slis,
        sums=np.zeros_like(part.sums[:count]),
        extremes=np.full_like(part.extremes[:count], -np.inf),
        outcomes=part.outcomes[:0],
        cells=part.cells[:0],
        features=part.features[:0],
        moments=np.zeros_like(part.moments[:count]),
        ranges=np.full_like(part.ranges[:count], -np.inf),
        offenders=(),
        ages=part.ages[:0],
        users=part.users[:0],
        chains=None,
        samples=(),
    )
