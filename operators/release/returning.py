"""Withdrawn stays withdrawn: a version that serves again is pinned away again, and somebody is woken.

Until an override or a release of that very version, however long ago it was withdrawn. One that has not stopped serving
since its rollback is told of at the deadline (`aftermath.py`); where the pin that kept it away was lifted meanwhile, it
is looked for here as well.
"""

from operators.control import ControlEvent, Evidence
from operators.release.model import At, Model
from operators.release.share import Excess
from operators.release.trial import Cause, Trial
from operators.release.withdrawing import share_of, unfit


def watch(model: Model, at: At) -> list[ControlEvent]:
    """Look for every withdrawn version among the requests of the pane."""
    events: list[ControlEvent] = []
    total = sum(at.requests.values())
    for trial in model.trials.values():
        if not trial.withdrawn or trial.cause is None or trial.detected is None or at.ts <= trial.detected:
            continue
        came = at.requests.get(trial.candidate, 0)
        if trial.excess is None and not came:
            continue
        trial.excess = (trial.excess or Excess()).step(came, total, at.policy.releases.applied_share)
        if trial.excess is None or not trial.excess.sure:
            continue
        excess, trial.excess = trial.excess, None
        if trial.applied is not None or trial.loose:
            events.append(_withdraw_again(model, at, trial, trial.cause, excess))
    return events


def _withdraw_again(model: Model, at: At, trial: Trial, cause: Cause, excess: Excess) -> ControlEvent:
    """Pin traffic away from a version; or bar that version alone, where others serve beside the baseline."""
    if model.speaker.pin is None and unfit(model, at, trial) is None and not _others(model, at, trial):
        model.speaker.pin = trial.baseline
    kind = model.move(trial, "barred" if model.speaker.pin is None else "returned")
    trial.detected, trial.loose = at.ts, False
    trial.onset = trial.applied = trial.recovered = trial.gone = trial.health = None
    trial.share = share_of(model, at, trial.candidate)
    evidence = Evidence(
        n=excess.total, value=excess.requests / excess.total, threshold=at.policy.releases.applied_share
    )
    reason = f"{trial.candidate} was withdrawn and serves: {excess.requests} of {excess.total} requests of late"
    fields = {"reason": reason, "evidence": evidence, "runbook": cause.runbook}
    return model.say(kind, at, trial.candidate, cause.rule, "page", trial, **fields)


def _others(model: Model, at: At, trial: Trial) -> bool:
    """Tell whether versions that may serve had requests lately, besides the baseline: a pin would stop them."""
    allowed = [other for other in model.trials.values() if not other.withdrawn and other.candidate != trial.baseline]
    if model.overridden - {trial.candidate, trial.baseline}:
        return True
    return any(other.phase != "steady" or share_of(model, at, other.candidate) for other in allowed)
