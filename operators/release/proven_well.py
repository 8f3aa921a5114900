"""Has the rollback helped? Whether the cause of a withdrawal is surely over with what serves now, for every kind.

- An SLI, or a measure of a canary: the ratio of bad events is surely nearer to the better arm's (`recovery_test.py`).
- Any other rule: it is OK for what serves, on the slice that was worst, once the traffic has moved for as long as its
  window is. That it is not BAD proves nothing: it may have seen too little.
- Somebody took the version out: nothing that pages or acts is BAD on any version that may serve.
- A canary rule without bad events to count: nothing can prove it, as such a rule judges no version by itself.
"""

import math
from collections.abc import Sequence

from operators.release.cause import Cause, Level
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Left
from operators.release.refuge import MILD
from operators.stats.recovery_test import Health
from operators.window.partial import BAD, GOOD
from operators.wire.control import Evidence
from operators.wire.mirrored import is_mirrored

ALPHA = 0.05  # The chance that what serves now is ever wrongly called well, or that a page is left out.


def counted(at: PaneContext, cause: Cause, level: Level, heirs: Sequence[str], health: Health) -> Health:
    """Return `health` after the events of the versions that serve instead."""
    where = _where(cause)
    if level.sli is None:
        both = [at.above(name, where, level.measure, level.code) for name in heirs]
    else:
        found = [slis[level.sli] for name in heirs if (slis := at.slis(name, where)) is not None]
        both = [(int(each[GOOD]), int(each[BAD])) for each in found]
    return health.step(sum(good for good, _ in both), sum(bad for _, bad in both), level.bad_max, level.bad_well)


def proven_well(model: Model, at: PaneContext, cause: Cause, traffic: Left, heirs: Sequence[str]) -> Evidence | None:
    """Return what proves that users are well, None while nothing does."""
    serving = [name for name in heirs if at.requests.get(name)]
    if cause.by_hand:
        well = bool(serving) and not pages(model) and not _acting(model, at)
        return Evidence(reason="no rule that pages or acts is BAD") if well else None
    if any((cause.rule, version) in model.bad for version in heirs):
        return None
    if cause.level is not None:
        proven = traffic.health.log_e >= -math.log(ALPHA)
        return _health(cause, cause.level, traffic.health) if proven else None
    waits = at.ts < traffic.applied + (cause.evidence.window_ms or 0)
    words = {at.current(cause.rule, name, _where(cause))[0] for name in serving}
    if waits or words != {"OK"}:
        return None
    return Evidence(measure=cause.evidence.measure, sli=cause.evidence.sli, reason=f"{cause.rule} is OK{_in(cause)}")


def found_ill(model: Model, cause: Cause, traffic: Left, heirs: Sequence[str]) -> tuple[Evidence, str | None]:
    """Return what is known about what serves, and why it is ill, in words; None where too little is known for that."""
    if cause.level is not None:
        evidence = _health(cause, cause.level, traffic.health)
        unsure = evidence.value is not None and evidence.value <= (evidence.threshold or 0.0)
        return evidence, None if unsure else "users are not well"
    if cause.by_hand:
        others = pages(model)
        return Evidence(), f"{others[0][0]} pages on {others[0][1]}" if others else "users are not well"
    ill = next((version for version in heirs if (cause.rule, version) in model.bad), None)
    return Evidence(), None if ill is None else f"{cause.rule} is BAD on {ill}"


def pages(model: Model) -> list[tuple[str, str]]:
    """Return the rules and versions of alerts that page, except on versions that are withdrawn or copies."""
    return [
        key
        for key, firing in sorted(model.alerts.firing.items())
        if firing.severity == "page" and key[1] not in model.barred and not is_mirrored(key[1])
    ]


def _acting(model: Model, at: PaneContext) -> bool:
    """Tell whether a rule that pages or acts on traffic is BAD on a version that may serve, or a slice of it."""
    grave = {rule.name for rule in at.policy.rules if rule.severity == "page" or rule.action not in MILD}
    return any(
        rule in grave and version not in model.barred and not is_mirrored(version) for rule, version in model.bad
    )


def _health(cause: Cause, level: Level, health: Health) -> Evidence:
    n = health.good + health.bad
    limit = cause.evidence.limit
    words = ([] if limit is None else [f"bad: above {limit:.4g}"]) + ([_in(cause).strip()] if _in(cause) else [])
    return Evidence(
        sli=cause.evidence.sli,
        measure=cause.evidence.measure if level.sli is None else None,
        limit=limit,
        good=health.good,
        bad=health.bad,
        value=health.bad / n if n else None,
        threshold=level.bad_max,
        log_e=health.log_e,
        reason=", ".join(words) or None,
    )


def _where(cause: Cause) -> str:
    return cause.slices[0].slice if cause.slices else "*"


def _in(cause: Cause) -> str:
    return "" if _where(cause) == "*" else f" in {_where(cause)}"
