"""From when on a candidate says something of itself: a version that has just begun to serve is still cold."""

from operators.policy.policy import Policy
from operators.release.model import Model
from operators.release.state import ReleaseState


def warmed_up(model: Model, release: ReleaseState, policy: Policy) -> int:
    """Return the first pane that says something of a candidate."""
    served = model.served.get(release.candidate)
    if served is None:
        return release.since
    return max(release.since, served.first + policy.releases.warm_up_ms // policy.pane_ms)
