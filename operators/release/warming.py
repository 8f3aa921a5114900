"""From when on a candidate counts: a version that has just begun to serve is cold, and so are new instances.

For each larger share that is declared there are new instances, as cold as the first ones were, and so are those of
another build under the name of a version that serves already. So `warm_up` is left out of the comparison then, too; at
most a fifth of the time, however often somebody declares something.
"""

from operators.policy.policy import Policy
from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.wire.commands import Release

RESTS = 4  # Times the `warm_up` that a candidate is compared for before the next one is left out.


def warmed_up(model: Model, release: ReleaseState, policy: Policy) -> int:
    """Return the first pane that counts for a candidate."""
    served = model.served.get(release.candidate)
    if served is None:
        return release.since
    first = served.first + policy.releases.warm_up_ms // policy.pane_ms
    known = served.first < release.since  # So what is declared is another build of it.
    return max(release.since, first, release.warm_from if known else 0)


def warm_anew(at: PaneContext, release: ReleaseState, earlier: ReleaseState | None) -> None:
    """Leave out what comes first of a release that is declared in place of an `earlier` one of the same version."""
    warm_up = at.policy.releases.warm_up_ms // at.policy.pane_ms
    if warm_up and (earlier is None or at.pane >= earlier.since + (RESTS + 1) * warm_up):
        release.warm_from = at.pane + warm_up + 1  # The build changes within this pane.


def warm_again(at: PaneContext, release: ReleaseState, declared: Release) -> None:
    """Leave out what comes first of a larger share than was declared before."""
    before = release.declared.traffic_share if release.declared is not None else None
    warm_up = at.policy.releases.warm_up_ms // at.policy.pane_ms
    grows = (declared.traffic_share or 0.0) > (before or 0.0)
    if grows and warm_up and at.pane >= release.warm_until + RESTS * warm_up:
        release.warm_until = at.pane + warm_up + 1  # The share moves within this pane.
