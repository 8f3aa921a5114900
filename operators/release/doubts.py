"""Whether the judges behind an SLI are believed: while they are not, what they say takes no version out.

What a judge says while it is not believed counts neither way (`operators/evaluate/golden.py`). A rule that is BAD by
what it said just before may be BAD because of the judge, so a person looks first: for as long as most judgements of a
pane count neither way, and then for as long as the rule's window still holds what came before.
"""

from operators.release.model import Model, PaneContext
from operators.window.partial import BAD, GOOD, NEITHER
from operators.wire.control import Evidence

DOUBTED = 0  # In place of the pane in which they were believed again.


def note_doubts(model: Model, at: PaneContext) -> None:
    """Remember of which SLIs most judgements of this pane count neither way, over all versions."""
    for index, sli in enumerate(at.policy.slis):
        if not sli.scored:
            continue
        found = [slis[index] for version in at.requests if (slis := at.slis(version, "*")) is not None]
        counted = sum(int(each[GOOD] + each[BAD]) for each in found)
        neither = sum(int(each[NEITHER]) for each in found)
        if neither > counted:
            model.doubted[sli.name] = DOUBTED
        elif counted and model.doubted.get(sli.name) == DOUBTED:
            model.doubted[sli.name] = at.pane


def why_not_believed(model: Model, at: PaneContext, evidence: Evidence) -> str | None:
    """Return why a verdict is not acted on: its judges are not believed, or were not within its window; else None."""
    if evidence.sli is None or evidence.sli not in model.doubted:
        return None
    again = model.doubted[evidence.sli]
    if again == DOUBTED:
        return f"the judge of {evidence.sli} is not believed: it disagrees with its golden cases, or is new"
    if (at.pane - again) * at.policy.pane_ms < (evidence.window_ms or 0):
        return f"the judge of {evidence.sli} was not believed until lately: what it said before is in the window"
    return None
