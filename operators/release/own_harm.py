"""Which of the slices and SLIs that a rule names are a candidate's own harm: only those take it out.

A rule may name several at once. One may have a cause that the baseline shares, or rest on the events of a single
producer, while another is the candidate's own: that one acts, whichever is the worst.
"""

from typing import NamedTuple

from operators.policy.rules import ReleaseRule, Rule
from operators.release.alerts import compared_of
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Hold
from operators.release.producers import why_doubted
from operators.release.refuge import recently
from operators.release.shared_values import is_shared_value
from operators.release.state import ReleaseState
from operators.release.traffic import Counted, bad_ratio, bucket_of, has_degraded
from operators.wire.control import Affected

TAKES_OUT = ("rollback", "kill")
Slices = tuple[Affected, ...]  # Never empty, worst first.


class Spared(NamedTuple):
    """Why nothing is done but hold the promotion."""

    how: Hold
    reason: str


def own_harm(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, slices: Slices, *, shared_counts: bool
) -> Slices | Spared:
    """Return the slices that act on a candidate; with `shared_counts`, a cause shared with the baseline spares it."""
    own = slices
    if shared_counts:
        shared = {
            compared: _is_shared(model, at, release, mine)
            or any(is_shared_value(at, release, rule.name, each) for each in mine)
            for compared, mine in _by_what(slices).items()
        }
        own = tuple(each for each in slices if not shared[compared_of(each)])
        if not _acts(rule, own):
            why = f"{release.baseline} has become worse as well: the cause is shared, a rollback would not help"
            return Spared("shared cause", why)
    doubts = [why_doubted(at, release, each.evidence) for each in own]
    believed = tuple(each for each, doubt in zip(own, doubts, strict=True) if doubt is None)
    if not _acts(rule, believed):
        return Spared("one producer", next(doubt for doubt in doubts if doubt is not None))
    return believed


def _by_what(slices: Slices) -> dict[str | None, Slices]:
    """Return the slices by SLI or measure."""
    by_what: dict[str | None, Slices] = {}
    for each in slices:
        by_what[compared_of(each)] = (*by_what.get(compared_of(each), ()), each)
    return by_what


def _acts(rule: Rule, slices: Slices) -> bool:
    """Tell whether any of these takes a version out: only all traffic, where slices of a comparison only hold."""
    alone = isinstance(rule, ReleaseRule) and rule.slice_action not in TAKES_OUT
    return any(not alone or each.slice == "*" or each.evidence.historical for each in slices)


def _is_shared(model: Model, at: PaneContext, release: ReleaseState, slices: Slices) -> bool:
    """Tell, for one SLI, whether the baseline degrades, too, which explains at least half of the candidate's harm.

    Degrading: with b the ratio of bad events of the baseline, all traffic, in the hour before the harm began, and b',
    c' those of both versions since then, b' > b surely, and b' - b >= c' - b'. Where only slices are BAD, c' - b' is
    the difference found in the worst of them. Once that is so, b stays as it was until the baseline has recovered: a
    long outage does not become the norm. A rule without an SLI has no such ratio: its cause counts as the candidate's
    own.
    """
    evidence = slices[0].evidence
    name, onset = evidence.sli, evidence.since
    candidate, baseline = model.served.get(release.candidate), model.served.get(release.baseline)
    if name is None or candidate is None or baseline is None:
        return False
    sli = [each.name for each in at.policy.slis].index(name)
    began = recently(at) if onset is None else bucket_of(onset // at.policy.pane_ms, at.policy.pane_ms)
    shared = release.actionable.shared
    before: Counted = shared.get(sli) or baseline.counts(sli, before=began)
    after = baseline.counts(sli, since=began)
    if not has_degraded(before, after):
        return False
    harm = bad_ratio(candidate.counts(sli, since=began)) - bad_ratio(after)
    if evidence.candidate is not None and all(each.slice != "*" for each in slices):
        harm = evidence.value or 0.0
    if bad_ratio(after) - bad_ratio(before) < harm:
        return False
    shared[sli] = before
    return True
