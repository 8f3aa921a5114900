"""From which pane on a candidate counts: a version that has just begun to serve is cold, and so are new instances.

Each larger share that is declared brings new instances, as cold as the first ones were, and so does another build under
the name of a version that already serves. So `warm_up` is left out of the comparison then, too; for at most a fifth of
the time, however often shares are declared.
"""

from operators.policy.policy import Policy
from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.wire.commands import Release

RESTS = 4  # The candidate is compared for this many times `warm_up` before the next one is left out.


def warmed_up(model: Model, release: ReleaseState, policy: Policy) -> int:
    """Return the first pane that counts for a candidate."""
    served = model.served.get(release.candidate)
    if served is None:
        return release.since
    first = served.first + policy.releases.warm_up_ms // policy.pane_ms
    known = served.first < release.since  # So the declared release is another build of it.
    return max(release.since, first, release.warm_from if known else 0)


def warm_anew(at: PaneContext, release: ReleaseState, earlier: ReleaseState | None) -> None:
    """Leave out the first panes of a release that is declared in place of an `earlier` one of the same version."""
    warm_up = at.policy.releases.warm_up_ms // at.policy.pane_ms
    if warm_up and (earlier is None or at.pane >= earlier.since + (RESTS + 1) * warm_up):
        release.warm_from = at.pane + warm_up + 1  # The build changes within this pane.


def warm_again(at: PaneContext, release: ReleaseState, declared: Release) -> None:
    """Leave out the first panes of a share that is larger than the one declared before."""
    before = release.declared.traffic_share if release.declared is not None else None
    warm_up = at.policy.releases.warm_up_ms // at.policy.pane_ms
    grows = (declared.traffic_share or 0.0) > (before or 0.0)
    if grows and warm_up and at.pane >= release.warm_until + RESTS * warm_up:
        release.warm_until = at.pane + warm_up + 1  # The share moves within this pane.
