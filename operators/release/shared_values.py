"""Have the baseline's values grown as well, by enough to explain the candidate's?

This is for measures what `own_harm.py` is for SLIs. A candidate's harm is how far its quantile (or mean) is above the
baseline's since the harm began. The baseline degrades if surely more of its values are above its own quantile of the
hour before, and that quantile has risen by enough to explain as much of the harm. Both are ratios of values. From then
on the baseline's earlier quantile stays the one compared with, until few of its values are above that again.
"""

from operators.release.model import PaneContext
from operators.release.refuge import recently
from operators.release.state import ReleaseState
from operators.release.traffic import bucket_of, has_degraded
from operators.wire.control import Affected


def is_shared_value(at: PaneContext, release: ReleaseState, rule: str, worst: Affected) -> bool:
    """Tell whether a measure is larger on all of a candidate's traffic for a cause that its baseline shares."""
    evidence, shared = worst.evidence, release.actionable.shared_values
    if evidence.measure is None or worst.slice != "*":
        return False
    key = f"{rule} {evidence.measure}"
    onset = evidence.since
    began = recently(at) if onset is None else bucket_of(onset // at.policy.pane_ms, at.policy.pane_ms)
    known = shared.get(key)
    shift = at.shift(rule, release.candidate, evidence.measure, began, None if known is None else known[0])
    if shift is None:
        return False
    before = shift.before if known is None else known[1:]
    if not has_degraded(before, shift.now) or shift.rise < shift.excess:
        return False
    shared[key] = shift.code, *before
    return True


def recovered_values(at: PaneContext, release: ReleaseState) -> bool:
    """Forget the measures by which a baseline is as it was before; tell whether there were any."""
    shared = release.actionable.shared_values
    over = []
    for key, (code, *before) in shared.items():
        rule, measure = key.rsplit(" ", 1)
        shift = at.shift(rule, release.candidate, measure, recently(at), code)
        if shift is not None and sum(shift.now) > 0 and not has_degraded((before[0], before[1]), shift.now):
            over.append(key)
    for key in over:
        del shared[key]
    return bool(over)
