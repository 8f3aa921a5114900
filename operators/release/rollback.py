"""Withdrawing a candidate: to which version, unless its harm has a shared cause; at most once a release."""

from typing import Any

import msgspec
import numpy as np

from operators.policy.rules import Action, Rule
from operators.release.cause import Cause, Level
from operators.release.machine import restart
from operators.release.model import Model, PaneContext
from operators.release.own_harm import Slices, Spared, own_harm
from operators.release.phase_states import Hold
from operators.release.refuge import fallback_of, named_refuge, others_serve, recently, refuge_of, why_bad
from operators.release.renewed import renewed
from operators.release.shared_values import recovered_values
from operators.release.state import ReleaseState
from operators.release.traffic import has_degraded, share_since
from operators.release.withdrawal import keep_out
from operators.rules.registry import rule_kind_of
from operators.stats.histogram import codes_of
from operators.window.partial import OTHER
from operators.wire.control import ControlEvent, ControlType, Evidence, Severity
from operators.wire.mirrored import is_mirrored

ROUNDING = 1e-9


def withdraw(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, action: Action, slices: Slices
) -> list[ControlEvent]:
    """Roll a candidate back or kill it, or say why not."""
    # One more version that is kept out while others serve well beside the pinned one moves no pin.
    moves = not (model.beside and model.writer.pin == release.baseline)
    if at.ts < model.cooled and moves:
        # No event: the earlier one stands.
        release.actionable.holds[rule.name] = release.actionable.held.get(rule.name, "cool-down")
        return []
    own = own_harm(model, at, release, rule, slices, shared_counts=bool(release.baseline) or action != "kill")
    if isinstance(own, Spared):
        return hold(model, at, release, rule, own.how, own.reason, slices)
    slices = own
    evidence = slices[0].evidence
    refuge, why = (None, "") if action == "kill" else refuge_of(model, at, release, rule, evidence)
    if why and fallback_of(rule, at.policy.releases, model.writer.model) != "kill":
        return hold(model, at, release, rule, "unpinnable", why, slices)
    alone = refuge is None and not others_serve(model, at, release.candidate)
    named = named_refuge(model, at, release, rule) if alone else None
    kind, lifts = take_out(model, at, release, _cause(at, rule, slices), refuge, named)
    if alone and model.writer.pin is None:
        why = why or "no other version serves, and the policy names no fallback"
    severity: Severity = "page" if why else rule.severity
    slices = renewed(at, rule.name, release.candidate, slices)
    evidence = slices[0].evidence
    fields = {"reason": why, "slices": slices, "evidence": evidence, "runbook": rule.runbook, "lifts": lifts}
    return [model.say(kind, at, release.candidate, rule.name, severity, release, **fields)]


def take_out(
    model: Model, at: PaneContext, release: ReleaseState, cause: Cause, refuge: str | None, instead: str | None = None
) -> tuple[ControlType, bool]:
    """Withdraw a version; return the type of the event, and whether it ends the pin.

    All traffic goes to `refuge`. Without one it goes to whatever else may serve: `instead`, where nothing does.
    """
    share, to = share_of(model, at, release.candidate), refuge or instead
    beside = to is not None and serves_beside(model, at, release, to)
    return keep_out(model, at, release, cause, share, to, refuge is None, beside)


def hold(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, how: Hold, reason: str, slices: Slices
) -> list[ControlEvent]:
    """Hold the promotion for as long as this is called at every pane; return an event when it begins."""
    state = release.actionable
    state.holds[rule.name] = how
    state.throttled |= how == "throttle"
    if state.held.get(rule.name) == how:
        return []
    # People hear of a plain hold through the verdict's alert.
    severity: Severity = "page" if how in ("unpinnable", "shared cause", "one producer") else "info"
    severity = "ticket" if how in ("slice", "unserved", "judge") else severity
    kind: ControlType = "throttle" if how == "throttle" else "hold"
    slices = renewed(at, rule.name, release.candidate, slices)
    fields = {"reason": reason, "slices": slices, "evidence": slices[0].evidence, "runbook": rule.runbook}
    return [model.say(kind, at, release.candidate, rule.name, severity, release, **fields)]


def end_shared(model: Model, at: PaneContext) -> None:
    """Where a baseline has recovered, compare anew: findings while both suffered say little of the candidate."""
    for release in model.releases.values():
        baseline = model.served.get(release.baseline)
        shared = release.actionable.shared if release.is_actionable else {}
        for sli, before in list(shared.items()):
            now = (0, 0) if baseline is None else baseline.counts(sli, since=recently(at))
            if sum(now) and not has_degraded(before, now):
                del shared[sli]
                restart(model, at, release, at.pane + 1)
        if release.is_actionable and recovered_values(at, release):
            restart(model, at, release, at.pane + 1)


def serves_beside(model: Model, at: PaneContext, release: ReleaseState, refuge: str) -> bool:
    """Tell whether versions besides a candidate and its refuge are on trial or serve, with nothing grave known of them.

    Then a rollback only keeps the candidate out, and leaves the others their traffic.
    """
    awaited = {name for name, other in model.releases.items() if other.phase == "rolling_out"}
    serve = {name for name in model.served.keys() - {OTHER} if share_of(model, at, name)}
    others = (awaited | serve) - {release.candidate, refuge, *model.barred}
    spared = model.overridden - {release.candidate, refuge}
    return bool(spared) or any(why_bad(model, at, name) is None for name in others if not is_mirrored(name))


def _cause(at: PaneContext, rule: Rule, slices: Slices) -> Cause:
    """Return why a candidate is withdrawn, and how low the bad ratio must fall: half-way back to the better arm."""
    evidence = slices[0].evidence
    cause = Cause(rule=rule.name, runbook=rule.runbook, slices=slices, evidence=evidence)
    ratios, of = rule_kind_of(rule).recovery(rule, evidence), _counted(at, evidence)
    if ratios is None or ratios.well >= ratios.harm or not of:
        return cause
    level = Level(**of, bad_max=(ratios.harm + ratios.well) / 2, bad_well=ratios.well)
    return msgspec.structs.replace(cause, level=level)


def _counted(at: PaneContext, evidence: Evidence) -> dict[str, Any]:
    """Return what makes events bad or good, as fields of a level: an SLI, or a limit of a measure; {} for neither."""
    if evidence.sli is not None:
        return {"sli": _index(at, evidence.sli)}
    names = [measure.name for measure in at.policy.measures]
    if evidence.limit is None or evidence.measure not in names:
        return {}
    # The limit is the upper end of a bucket: rounding must not lead into the next one.
    code = int(codes_of(np.array([evidence.limit * (1 - ROUNDING)]))[0])
    return {"measure": names.index(evidence.measure), "code": code}


def share_of(model: Model, at: PaneContext, version: str) -> float:
    """Return a version's share of requests in the last minutes."""
    return share_since(model.served, version, recently(at))


def _index(at: PaneContext, name: str) -> int:
    return [sli.name for sli in at.policy.slis].index(name)
