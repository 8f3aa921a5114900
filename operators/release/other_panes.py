"""Carries what a model remembers by pane number over to a policy with another pane length.

Pins, releases, overrides, incidents and alerts stay. The rules' comparisons begin anew, with the alpha of a further
attempt: what was spent stays spent.
"""

import msgspec

from operators.release.model import Model
from operators.release.phase_states import Promoted, RollingOut
from operators.release.replaced import FirstServed
from operators.release.state import ReleaseState
from operators.release.traffic import Served
from operators.window.pane_lengths import PaneLengths


def renumber(model: Model, lengths: PaneLengths) -> None:
    """Change to pane numbers of another length."""
    if model.began is not None:
        model.began = lengths.pane(model.began)
    model.overflow = {
        kind: msgspec.structs.replace(each, last=lengths.pane(each.last)) for kind, each in model.overflow.items()
    }
    model.bad.clear()
    for served in model.served.values():
        _renumber_served(served, lengths)
    for release in model.releases.values():
        _renumber_release(release, lengths)


def _renumber_served(served: Served, lengths: PaneLengths) -> None:
    served.first, served.last = lengths.pane(served.first), lengths.pane(served.last)
    for belief in served.beliefs.values():
        belief.last = lengths.pane(belief.last)
        belief.again = belief.again and lengths.pane(belief.again)  # 0: they are not believed.


def _renumber_release(release: ReleaseState, lengths: PaneLengths) -> None:
    release.since = lengths.pane(release.since)
    release.warm_from, release.warm_until = (
        # Rounded up, as a pane that begins within the warm-up is part of it.
        -(-pane * lengths.before // lengths.now)
        for pane in (release.warm_from, release.warm_until)
    )
    if release.compared:
        release.attempt += 1
    state = release.state
    if isinstance(state, RollingOut | Promoted):
        state.replaced.clear()
    if isinstance(state, RollingOut) and state.split is not None and state.split.begins is not None:
        state.split.begins = lengths.pane(state.split.begins)
    for slices in state.first_served.values() if isinstance(state, Promoted) else ():
        for known in slices.values():
            _renumber_slice(known, lengths)


def _renumber_slice(known: FirstServed, lengths: PaneLengths) -> None:
    """Let the running blip end as it stands, and another begin."""
    known.begin(0, lengths.pane(known.first))
    known.past = {
        sli: msgspec.structs.replace(each, since=lengths.pane(each.since)) for sli, each in known.past.items()
    }
