"""Withdrawn stays withdrawn: a version that serves again is pinned away again, and somebody is woken.

Until an override or a release of that very version, however long ago it was withdrawn. One that never stopped is told
of once, as soon as that is sure after the policy's `drain`: to pin it away again would change nothing. Where there were
too few requests to tell (`verification.py`), or the pin that kept it away was lifted, it is looked for as one that
left.
"""

from operators.release.model import Model, PaneContext
from operators.release.refuge import unfit
from operators.release.rollback import share_of
from operators.release.state import Cause, ReleaseState
from operators.stats.traffic_share import Excess
from operators.wire.control import ControlEvent, Evidence
from operators.wire.mirrored import is_mirrored


def watch(model: Model, at: PaneContext) -> list[ControlEvent]:
    """Look for every withdrawn version among the requests of the pane."""
    events: list[ControlEvent] = []
    total = sum(at.requests.values())
    for trial in model.trials.values():
        if not trial.withdrawn or trial.cause is None or trial.detected is None or at.ts <= trial.detected:
            continue
        left, came = trial.applied is not None or trial.loose, at.requests.get(trial.candidate, 0)
        drains = at.ts <= trial.detected + at.policy.releases.drain_ms
        if (trial.excess is None and not came) or (not left and (drains or trial.phase != "rolled_back")):
            continue
        trial.excess = (trial.excess or Excess()).step(came, total, at.policy.releases.applied_share)
        if trial.excess is None or not trial.excess.sure:
            continue
        excess, trial.excess = trial.excess, None
        tell = _withdraw_again if left else _ignored
        events.append(tell(model, at, trial, trial.cause, excess))
    return events


def _ignored(model: Model, at: PaneContext, trial: ReleaseState, cause: Cause, excess: Excess) -> ControlEvent:
    """Wake somebody: the gateways do not obey."""
    kind = model.move(trial, "ignored")
    reason = f"the candidate still serves: {excess.requests} of the last {excess.total} requests"
    fields = {"reason": reason, "evidence": _evidence(at, excess), "runbook": cause.runbook}
    return model.say(kind, at, trial.candidate, cause.rule, "page", trial, **fields)


def _withdraw_again(model: Model, at: PaneContext, trial: ReleaseState, cause: Cause, excess: Excess) -> ControlEvent:
    """Pin traffic away from a version; or bar that version alone, where others serve beside the baseline."""
    refuge = trial.refuge or trial.baseline
    # What was gone to before need not have served.
    fit = unfit(model, at, refuge) is None or (refuge == trial.refuge and refuge not in model.served)
    if model.speaker.pin is None and refuge and fit and not _others(model, at, trial):
        trial.refuge = refuge
        model.pin_to(refuge)
    kind = model.move(trial, "barred" if model.speaker.pin is None else "returned")
    trial.detected, trial.loose = at.ts, False
    trial.onset = trial.applied = trial.recovered = trial.gone = trial.health = None
    trial.share = share_of(model, at, trial.candidate)
    reason = f"{trial.candidate} was withdrawn and serves: {excess.requests} of {excess.total} requests of late"
    fields = {"reason": reason, "evidence": _evidence(at, excess), "runbook": cause.runbook}
    return model.say(kind, at, trial.candidate, cause.rule, "page", trial, **fields)


def _evidence(at: PaneContext, excess: Excess) -> Evidence:
    allowed = at.policy.releases.applied_share
    return Evidence(n=excess.total, value=excess.requests / excess.total, threshold=allowed)


def _others(model: Model, at: PaneContext, trial: ReleaseState) -> bool:
    """Tell whether versions that may serve had requests lately, besides the baseline: a pin would stop them."""
    allowed = [
        other
        for other in model.trials.values()
        if not other.withdrawn and other.candidate != trial.baseline and not is_mirrored(other.candidate)
    ]
    if model.overridden - {trial.candidate, trial.baseline}:
        return True
    return any(other.phase != "steady" or share_of(model, at, other.candidate) for other in allowed)
