"""Somebody has lifted a pin by hand: it stays lifted until a withdrawn version is found to do harm anew.

Its bad events since then are tested against the ratio that is well (`recovery_test.py`, with the two ratios exchanged:
a version that is well is ever called harmful with a chance of at most ALPHA). Where the rule counted no bad events,
harm is found when that rule, or any rule that pages or acts where somebody took the version out, calls the version BAD
anew.
"""

import math

from operators.release.model import Model, PaneContext
from operators.release.phase_states import Withdrawn
from operators.release.proven_well import counted
from operators.release.refuge import why_bad
from operators.release.state import ReleaseState
from operators.stats.recovery_test import Health
from operators.wire.control import Evidence

ALPHA = 0.01


def forget_harm(model: Model) -> None:
    """Begin anew: what was found before somebody lifted the pin is no news."""
    for release in model.releases.values():
        if isinstance(release.state, Withdrawn):
            release.state.again = None


def harm_anew(model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn) -> Evidence | None:
    """Return the harm that a withdrawn version is found to do since the pin was lifted, None without any."""
    if model.unpinned is None or not at.requests.get(release.candidate):
        return None
    cause = state.cause
    if cause.level is None:
        return _called_bad(model, at, release, state)
    level = type(cause.level)(
        sli=cause.level.sli,
        measure=cause.level.measure,
        code=cause.level.code,
        bad_max=cause.level.bad_well,
        bad_well=cause.level.bad_max,
    )
    health = state.again = counted(at, cause, level, [release.candidate], state.again or Health())
    if health.log_e < -math.log(ALPHA):
        return None
    n = health.good + health.bad
    ratio, most = health.bad / n, cause.level.bad_well
    sli, measure = cause.evidence.sli, cause.evidence.measure
    return Evidence(
        sli=sli, measure=None if sli else measure, good=health.good, bad=health.bad, value=ratio, threshold=most
    )


def _called_bad(model: Model, at: PaneContext, release: ReleaseState, state: Withdrawn) -> Evidence | None:
    rule = why_bad(model, at, release.candidate) if state.cause.by_hand else state.cause.rule
    verdicts = model.bad.get((rule or "", release.candidate), {}).values()
    since = model.unpinned or 0
    new = [each for each in verdicts if (each.pane + 1) * at.policy.pane_ms > since]
    return new[0].evidence if new else None
