"""After a rollback: has the traffic moved, and are users well again? If not by the deadline, somebody is woken."""

import numpy as np

from operators.control import ControlEvent, ControlType, Evidence, Severity
from operators.release.model import At, Model
from operators.release.trial import Gone, Trial
from operators.verdict.binomial import upper_bound
from operators.window.partial import BAD, GOOD

ALPHA = 0.05  # Of the bound that says that the pinned version is well.
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
    if trial.detected is None or at.ts <= trial.detected:
        return []  # This pane was over before anybody could know.
    gone = trial.gone or Gone(since=at.ts - at.policy.pane_ms)
    total = gone.total + sum(at.requests.values())
    requests = gone.requests + at.requests.get(trial.candidate, 0)
    if requests > at.policy.releases.applied_share * total:
        trial.gone = None
        return []
    trial.gone = Gone(since=gone.since, requests=requests, total=total)
    if not total or total * trial.share < EXPECTED_MIN:
        return []
    kind = model.move(trial, "applied")
    trial.applied = max(gone.since, trial.detected)
    trial.good = trial.bad = 0
    evidence = Evidence(n=total, value=requests / total, threshold=at.policy.releases.applied_share)
    return [_said(model, at, trial, kind, evidence, "info")]


def _look_at_users(model: Model, at: At, trial: Trial) -> list[ControlEvent]:
    """The users are well when the bad ratio of what serves now is surely nearer to the better arm's.

    Where the rule had no SLI: when the rule does not call what serves now BAD, for as long as its proof took.
    """
    cause = trial.cause
    if cause is None or trial.applied is None:
        return []
    heirs = [model.speaker.pin] if model.speaker.pin else [name for name in at.requests if name != trial.candidate]
    if any(rule == cause.rule for rule, version in model.bad if version in heirs):
        return []
    if cause.sli is None or cause.bad_max is None:
        if at.ts < trial.applied + (cause.evidence.window_ms or 0) or not any(at.requests.get(name) for name in heirs):
            return []
        evidence = Evidence(measure=cause.evidence.measure, reason=f"{cause.rule} is not BAD any more")
    else:
        for version in heirs:
            slis = at.slis(version, cause.slices[0].slice)
            if slis is not None:
                trial.good += int(slis[cause.sli, GOOD])
                trial.bad += int(slis[cause.sli, BAD])
        n = trial.good + trial.bad
        upper = float(upper_bound(np.array([trial.bad]), np.array([n]), ALPHA)[0])
        if upper >= cause.bad_max:
            return []
        evidence = Evidence(
            sli=cause.evidence.sli,
            good=trial.good,
            bad=trial.bad,
            value=trial.bad / n,
            upper=upper,
            confidence=1 - ALPHA,
            threshold=cause.bad_max,
        )
    kind = model.move(trial, "well")
    trial.recovered = at.ts
    return [_said(model, at, trial, kind, evidence, "info")]


def _look_at_deadline(model: Model, at: At, trial: Trial) -> list[ControlEvent]:
    if trial.detected is None or at.ts < trial.detected + at.policy.releases.deadline_ms:
        return []
    moved = trial.phase == "verifying"
    kind = model.move(trial, "overdue")
    n = trial.good + trial.bad
    evidence = Evidence(
        sli=trial.cause.evidence.sli if trial.cause is not None else None,
        good=trial.good,
        bad=trial.bad,
        value=trial.bad / n if n else None,
        threshold=trial.cause.bad_max if trial.cause is not None else None,
        reason="the traffic has moved, but its users are not well" if moved else "the candidate still has traffic",
    )
    return [_said(model, at, trial, kind, evidence, "page")]


def _said(
    model: Model, at: At, trial: Trial, kind: ControlType | None, evidence: Evidence, severity: Severity
) -> ControlEvent:
    if kind is None or trial.cause is None:
        raise LookupError(f"nothing is said of {trial.phase}")
    fields = {"evidence": evidence, "runbook": trial.cause.runbook}
    return model.say(kind, at, trial.candidate, trial.cause.rule, severity, trial, **fields)
