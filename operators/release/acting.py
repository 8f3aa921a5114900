"""From verdicts that stand to what is done about a candidate: at most one rollback, never to a version unfit for it."""

from collections.abc import Sequence

import numpy as np

from operators.control import Affected, Arm, ControlEvent, ControlType, Evidence, Severity
from operators.release.alerts import affected, worst_first
from operators.release.discovery import restart
from operators.release.history import bucket_of, degraded_together
from operators.release.model import At, Finding, Model
from operators.release.trial import Cause, Trial
from operators.rules import Action, AnyRule, BurnRate, Canary, Threshold

WITHDRAWING = ("rollback", "kill")


def act(model: Model, at: At, findings: Sequence[Finding]) -> list[ControlEvent]:
    """Do what the rules ask for; `findings` are those of every release that is rolling out."""
    events = _check_split(model, at)
    for finding in findings:
        events += _judge(model, at, finding)
    for rule in at.policy.rules:
        for trial in list(model.trials.values()):
            verdicts = model.bad.get((rule.name, trial.candidate))
            if verdicts and not isinstance(rule, Canary):
                events += _do(model, at, trial, rule, rule.action, worst_first(affected(verdicts)))
    return events + _promote(model, at, findings)


def _judge(model: Model, at: At, finding: Finding) -> list[ControlEvent]:
    """Act on what a canary rule says: by its `action` for all traffic, else by its `slice_action` for slices."""
    trial, rule = model.trials[finding.candidate], finding.rule
    if finding.whole:
        return _do(model, at, trial, rule, rule.action, finding.bad)
    return _do(model, at, trial, rule, rule.slice_action, finding.bad) if finding.bad else []


def _do(
    model: Model, at: At, trial: Trial, rule: AnyRule, action: Action, slices: tuple[Affected, ...]
) -> list[ControlEvent]:
    if not trial.judged:
        return []
    if action in WITHDRAWING:
        return _withdraw(model, at, trial, rule, action, slices)
    if action == "alert":
        return []  # Verdicts that change are told of as alerts.
    return _hold(model, at, trial, rule, f"{rule.name} is BAD", slices, "throttle" if action == "throttle" else "hold")


def _hold(
    model: Model,
    at: At,
    trial: Trial,
    rule: AnyRule,
    reason: str,
    slices: tuple[Affected, ...] = (),
    kind: str = "hold",
) -> list[ControlEvent]:
    """Hold the promotion, and say so once."""
    trial.holds[rule.name] = reason
    if (kind, rule.name) in trial.said:
        return []
    trial.said.add((kind, rule.name))
    evidence = slices[0].evidence if slices else Evidence()
    said: ControlType = "throttle" if kind == "throttle" else "hold"
    # Of a plain hold people hear by the alert that the verdict makes.
    severity: Severity = "page" if kind in ("unpinnable", "shared cause") else "info"
    fields = {"reason": reason, "slices": slices, "evidence": evidence, "runbook": rule.runbook}
    return [model.say(said, at, trial.candidate, rule.name, severity, trial, **fields)]


def _withdraw(
    model: Model, at: At, trial: Trial, rule: AnyRule, action: Action, slices: tuple[Affected, ...]
) -> list[ControlEvent]:
    if at.ts < model.cooled:
        return []
    evidence = slices[0].evidence
    if _shared(model, at, trial, evidence):
        # What the comparison says was gathered while both suffered: it starts anew.
        restart(model, at, trial)
        reason = f"{trial.baseline} has become worse as well: the cause is shared, a rollback would not help"
        return _hold(model, at, trial, rule, reason, slices, "shared cause")
    unfit = None if action == "kill" else _unfit(model, at, trial)
    if unfit is not None and rule.fallback == "hold":
        return _hold(model, at, trial, rule, unfit, slices, "unpinnable")
    kill = action == "kill" or unfit is not None
    trial.detected = at.ts
    if evidence.since is not None:
        trial.onset = evidence.since
    trial.cause = _cause(at, rule, slices)
    trial.share = _share(model, at, trial.candidate)
    kind = model.move(trial, "stopped" if kill else "harmful")
    if kind is None:
        raise LookupError(f"nothing is said of {trial.phase}")
    if not kill:
        model.speaker.pin = trial.baseline
    elif model.speaker.pin == trial.candidate:
        model.speaker.pin = None
    model.cooled = at.ts + at.policy.releases.cooldown_ms
    severity = "page" if unfit else rule.severity
    fields = {"reason": unfit or "", "slices": slices, "evidence": evidence, "runbook": rule.runbook}
    return [model.say(kind, at, trial.candidate, rule.name, severity, trial, **fields)]


def _shared(model: Model, at: At, trial: Trial, evidence: Evidence) -> bool:
    candidate, baseline = model.served.get(trial.candidate), model.served.get(trial.baseline)
    if evidence.sli is None or candidate is None or baseline is None:
        return False
    return degraded_together(candidate, baseline, _index(at, evidence.sli), bucket_of(at.pane, at.policy.pane_ms))


def _unfit(model: Model, at: At, trial: Trial) -> str | None:
    """Return why the baseline is no version to go back to, None if it is one."""
    baseline = trial.baseline
    if baseline not in model.served:
        return f"{baseline} is not known: it has not served within {at.policy.releases.known_ms // 3_600_000} h"
    other = model.trials.get(baseline)
    if other is not None and other.withdrawn:
        return f"{baseline} was rolled back itself"
    for (rule, version), slices in model.bad.items():
        if version == baseline and "*" in slices:
            return f"{baseline} is BAD itself, by {rule}"
    return None


def _cause(at: At, rule: AnyRule, slices: tuple[Affected, ...]) -> Cause:
    """Keep why a candidate is withdrawn, and how low the bad ratio must come: half-way back to the better arm."""
    evidence = slices[0].evidence
    sli = None if evidence.sli is None else _index(at, evidence.sli)
    candidate, baseline, limit = evidence.candidate, evidence.baseline, None
    if candidate is not None and baseline is not None:
        limit = (_bad_ratio(candidate) + _bad_ratio(baseline)) / 2
    elif isinstance(rule, Threshold | BurnRate) and evidence.good is not None and evidence.bad is not None:
        harm = evidence.bad / max(evidence.good + evidence.bad, 1)
        limit = (harm + min(1.0 - rule.target, harm)) / 2
    return Cause(rule=rule.name, runbook=rule.runbook, slices=slices, evidence=evidence, sli=sli, bad_max=limit)


def _bad_ratio(arm: Arm) -> float:
    return arm.bad / max(arm.good + arm.bad, 1)


def _share(model: Model, at: At, version: str) -> float:
    lately = bucket_of(at.pane, at.policy.pane_ms) - 1
    total = sum(served.requests(lately) for served in model.served.values())
    served = model.served.get(version)
    return served.requests(lately) / total if served is not None and total else 0.0


def _index(at: At, name: str) -> int:
    return [sli.name for sli in at.policy.slis].index(name)


def _check_split(model: Model, at: At) -> list[ControlEvent]:
    """Compare the traffic of the arms with what the release declared; a mismatch is told once, and holds."""
    events = []
    for trial in model.trials.values():
        candidate = at.requests.get(trial.candidate, 0)
        served = model.served.get(trial.candidate)
        if trial.split is None or trial.phase != "rolling_out" or served is None or not at.requests:
            continue
        was = trial.split.unhealthy
        others = sum(at.requests.values()) - candidate
        p_value = trial.split.step(np.array([candidate, others]))
        if trial.split.unhealthy and not was:
            reason = "requests arrive in other shares than were declared: the arms may not be comparable"
            trial.holds["traffic-split"] = reason
            arrived = int(trial.split.counts[0]), int(trial.split.counts.sum())
            evidence = Evidence(
                p_value=p_value, n=arrived[1], value=arrived[0] / arrived[1], threshold=float(trial.split.shares[0])
            )
            fields = {"reason": reason, "evidence": evidence, "runbook": "infra/runbooks/traffic-split.md"}
            events.append(model.say("alert", at, trial.candidate, "traffic-split", "ticket", trial, **fields))
            events.append(model.say("hold", at, trial.candidate, "traffic-split", "ticket", trial, **fields))
    return events


def _promote(model: Model, at: At, findings: Sequence[Finding]) -> list[ControlEvent]:
    """Promote each candidate that every canary rule passes and nothing holds."""
    events = []
    for trial in list(model.trials.values()):
        mine = [finding for finding in findings if finding.candidate == trial.candidate]
        bad = any(version == trial.candidate for _, version in model.bad)
        if trial.phase != "rolling_out" or not mine or trial.holds or bad or at.ts < model.cooled:
            continue
        if any(finding.word != "OK" for finding in mine):
            continue
        kind = model.move(trial, "passed")
        if kind is None:
            raise LookupError("a promotion is told of")
        old = model.trials.get(trial.baseline)
        if old is not None and old.phase == "steady":
            del model.trials[trial.baseline]
        last = mine[-1]
        fields = {"evidence": last.evidence, "runbook": last.rule.runbook}
        events.append(model.say(kind, at, trial.candidate, last.rule.name, "info", trial, **fields))
    return events
