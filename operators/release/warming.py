"""From when on a candidate says something of itself: a version that has just begun to serve is still cold."""

from operators.policy.policy import Policy
from operators.release.model import Model
from operators.release.state import ReleaseState


def warmed_up(model: Model, trial: ReleaseState, policy: Policy) -> int:
    """Return the first pane that says something of a candidate."""
    served = model.served.get(trial.candidate)
    if served is None:
        return trial.since
    return max(trial.since, served.first + policy.releases.warm_up_ms // policy.pane_ms)
