"""After a rollback: has the traffic moved, and are users well again? If not by the deadline, somebody is woken."""

import math

from operators.control import ControlEvent, ControlType, Evidence, Severity
from operators.release.health import Health
from operators.release.model import At, Model
from operators.release.trial import Cause, Gone, Trial
from operators.window.partial import BAD, GOOD

ALPHA = 0.05  # The chance that what serves now is ever wrongly called well.
# Requests without the candidate prove that its traffic is gone once it would have had three of them, which by chance it
# has none of in 5 % of cases (the rule of three: J. A. Hanley, A. Lippman-Hand, JAMA 249 (1983), 1743-1745).
EXPECTED_MIN = 3.0


def follow_up(model: Model, at: At) -> list[ControlEvent]:
    """See what became of every version that was withdrawn."""
    events: list[ControlEvent] = []
    for trial in model.trials.values():
        if trial.phase in ("rolled_back", "ineffective") and trial.applied is None:
            events += _look_at_traffic(model, at, trial)
        if trial.phase in ("verifying", "ineffective") and trial.applied is not None:
            events += _look_at_users(model, at, trial)
        if trial.phase in ("rolled_back", "verifying"):
            events += _look_at_deadline(model, at, trial)
    return events


def _look_at_traffic(model: Model, at: At, trial: Trial) -> list[ControlEvent]:
    """The traffic has moved when, since some pane, the candidate's share is at most the policy's, and surely so."""
    came, total = at.requests.get(trial.candidate, 0), sum(at.requests.values())
    if trial.detected is None or at.ts <= trial.detected or not total:
        return []  # This pane was over before anybody could know, or it says nothing.
    gone = trial.gone or Gone(since=at.ts - at.policy.pane_ms)
    gone = Gone(since=gone.since, requests=gone.requests + came, total=gone.total + total)
    small = gone.requests <= at.policy.releases.applied_share * gone.total
    trial.gone = gone if small else None
    # A candidate that had no traffic lately has none to lose.
    if not small or 0 < gone.total * trial.share < EXPECTED_MIN:
        return []
    kind = model.move(trial, "applied")
    trial.applied = max(gone.since, trial.detected)
    share = gone.requests / gone.total
    evidence = Evidence(n=gone.total, value=share, threshold=at.policy.releases.applied_share)
    return [_said(model, at, trial, kind, evidence, "info")]


def _look_at_users(model: Model, at: At, trial: Trial) -> list[ControlEvent]:
    """The users are well when the bad ratio of what serves now is surely nearer to the better arm's.

    Where the rule had no SLI: when the rule does not call what serves now BAD, for as long as its proof took.
    """
    cause = trial.cause
    if cause is None or trial.applied is None:
        return []
    heirs = [model.speaker.pin] if model.speaker.pin else [name for name in at.requests if name != trial.candidate]
    _count(at, trial, cause, heirs)
    if any(rule == cause.rule and version in heirs for rule, version in model.bad):
        return []
    if trial.health is not None:
        if trial.health.log_e < -math.log(ALPHA):
            return []
        evidence = _health(cause, trial.health)
    else:
        if at.ts < trial.applied + (cause.evidence.window_ms or 0) or not any(at.requests.get(name) for name in heirs):
            return []
        evidence = Evidence(measure=cause.evidence.measure, reason=f"{cause.rule} is not BAD")
    kind = model.move(trial, "well")
    trial.recovered = at.ts
    return [_said(model, at, trial, kind, evidence, "info")]


def _count(at: At, trial: Trial, cause: Cause, heirs: list[str]) -> None:
    if cause.sli is None or cause.bad_max is None or cause.bad_well is None:
        return
    found = [slis[cause.sli] for name in heirs if (slis := at.slis(name, cause.slices[0].slice)) is not None]
    good, bad = sum(int(each[GOOD]) for each in found), sum(int(each[BAD]) for each in found)
    trial.health = (trial.health or Health()).step(good, bad, cause.bad_max, cause.bad_well)


def _health(cause: Cause, health: Health) -> Evidence:
    n = health.good + health.bad
    return Evidence(
        sli=cause.evidence.sli,
        good=health.good,
        bad=health.bad,
        value=health.bad / n if n else None,
        threshold=cause.bad_max,
        log_e=health.log_e,
    )


def _look_at_deadline(model: Model, at: At, trial: Trial) -> list[ControlEvent]:
    if trial.detected is None or trial.cause is None or at.ts < trial.detected + at.policy.releases.deadline_ms:
        return []
    kind = model.move(trial, "overdue")
    evidence = _health(trial.cause, trial.health) if trial.health is not None else Evidence()
    severity: Severity = "page"
    if trial.applied is None:
        served = model.served.get(trial.candidate)
        serves = served is not None and served.last * at.policy.pane_ms >= trial.detected and trial.gone is None
        reason = "the candidate still serves" if serves else "too few requests to tell whether the traffic has moved"
    elif evidence.value is not None and evidence.value <= (evidence.threshold or 0.0):
        reason, severity = "the traffic has moved; too few requests to tell whether its users are well", "ticket"
    else:
        reason = "the traffic has moved, but its users are not well"
    return [_said(model, at, trial, kind, evidence, severity, reason)]


def _said(
    model: Model,
    at: At,
    trial: Trial,
    kind: ControlType,
    evidence: Evidence,
    severity: Severity,
    reason: str = "",
) -> ControlEvent:
    if trial.cause is None:
        raise LookupError(f"nothing is said of {trial.phase}")
    fields = {"evidence": evidence, "runbook": trial.cause.runbook, "reason": reason}
    return model.say(kind, at, trial.candidate, trial.cause.rule, severity, trial, **fields)
