"""Whether the judges behind an SLI are believed: while they are not, their verdicts take no version out.

Judgements of a judge that is not believed count neither way (`operators/evaluate/golden.py`). A rule that is BAD by
judgements from just before may be BAD because of the judge, so a person looks first: for as long as most of the newest
judgements count neither way, and then for as long as the rule's window still holds the earlier ones.

A judge is believed for all versions or for none. So it is disbelieved for a candidate only if most judgements of the
candidate count neither way, and most of its baseline's, too, where that was judged lately: a few odd judgements of one
version decide nothing, nor do those of versions that never served.
"""

from operators.release.model import Model, PaneContext
from operators.release.pane_traffic import PaneTraffic
from operators.release.state import ReleaseState
from operators.release.traffic import Belief, Served
from operators.wire.control import Affected, Evidence

DOUBTED = 0  # Stands for the pane in which they are believed again.
NEWEST = 10  # The newest judgements of a version that decide, with all others in their panes, ...
LEAST = 5  # ... if there are at least this many.
LATELY_MS = 600_000  # A version whose last judgement is older is no evidence about another.


def note_doubts(model: Model, traffic: PaneTraffic) -> None:
    """Remember, for each SLI that judges score and each version that serves, whether its newest judgements count."""
    for each in traffic.scored.get(model.writer.model, ()):
        served = model.served.get(each.version)
        if served is not None:
            _note(served.beliefs.setdefault(each.sli, Belief()), traffic.pane, each.counted, each.neither)


def _note(belief: Belief, pane: int, counted: int, neither: int) -> None:
    belief.last = pane
    belief.newest = (*belief.newest, (counted, neither))
    while sum(map(sum, belief.newest[1:])) >= NEWEST:
        belief.newest = belief.newest[1:]
    counted, neither = (sum(column) for column in zip(*belief.newest, strict=True))
    if counted + neither >= LEAST and neither > counted:
        belief.again = DOUBTED
    elif counted >= neither and belief.again == DOUBTED:
        belief.again = pane


def why_not_believed(model: Model, at: PaneContext, release: ReleaseState, evidence: Evidence) -> str | None:
    """Return why a verdict is not acted on: its judges are, or were within its window, not believed; else None."""
    if evidence.sli is None:
        return None
    mine = _belief(model.served.get(release.candidate), evidence.sli)
    beside = _belief(model.served.get(release.baseline), evidence.sli)
    lately = (at.pane - beside.last) * at.policy.pane_ms <= LATELY_MS and sum(map(sum, beside.newest)) >= LEAST
    if lately and _why(beside, at, evidence) is None:
        return None
    return _why(mine, at, evidence)


def believed(
    model: Model, at: PaneContext, release: ReleaseState, slices: tuple[Affected, ...]
) -> tuple[Affected, ...]:
    """Return the slices and SLIs whose judges are believed, in order."""
    return tuple(each for each in slices if why_not_believed(model, at, release, each.evidence) is None)


def _belief(served: Served | None, sli: str) -> Belief:
    return Belief() if served is None else served.beliefs.get(sli, Belief())


def _why(belief: Belief, at: PaneContext, evidence: Evidence) -> str | None:
    if belief.again is None:
        return None
    if belief.again == DOUBTED:
        return (
            f"the judge of {evidence.sli} is not believed: it disagrees with its golden cases, is new, or gives no "
            "numbers"
        )
    if (at.pane - belief.again) * at.policy.pane_ms < (evidence.window_ms or 0):
        return f"the judge of {evidence.sli} was not believed until lately: what it said before is in the window"
    return None
