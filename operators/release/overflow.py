"""Limits that were exceeded (`operators/window/limits.py`): an alert when names begin to be folded, and its end."""

from collections.abc import Sequence

import msgspec

from operators.release.model import Model, Overflow, PaneContext
from operators.window.folded import Folded, Kind
from operators.window.partial import OTHER
from operators.wire.control import ControlEvent

RUNBOOK = "infra/runbooks/limits.md"
OVER_MS = 600_000  # The alert is over when nothing was beyond the limit for so long.
WORDS: dict[Kind, str] = {
    "models": "models beyond slices.models_max are counted as model __other__, and judged by no rule",
    "versions": "versions beyond slices.versions_max are counted as version __other__, and never as a release",
    "series": "series beyond slices.series_max are counted as __other__ in every dimension",
}


def tell_overflow(model: Model, at: PaneContext, folded: Sequence[Folded]) -> list[ControlEvent]:
    """Take the names of a model beyond a limit in a pane; return alerts when that begins and when it ends."""
    events = []
    for each in folded:
        before = model.overflow.get(each.kind)
        if before is None:
            reason = f"{each.names} {WORDS[each.kind]}: {each.events} events in this pane"
            events.append(_say(model, at, each.kind, "ticket", reason))
            before = Overflow(last=at.pane)
        model.overflow[each.kind] = msgspec.structs.replace(
            before, last=at.pane, most=max(before.most, each.names), events=before.events + each.events
        )
    for kind in [kind for kind, each in model.overflow.items() if _is_over(each, at)]:
        gone = model.overflow.pop(kind)
        reason = f"over: {gone.events} events, of {gone.most} {kind} in the worst pane"
        events.append(_say(model, at, kind, "info", reason, state="resolved"))
    return events


def _is_over(overflow: Overflow, at: PaneContext) -> bool:
    return (at.pane - overflow.last) * at.policy.pane_ms >= OVER_MS


def _say(model: Model, at: PaneContext, kind: Kind, severity: str, reason: str, **more: object) -> ControlEvent:
    return model.say("alert", at, OTHER, f"limits:{kind}", severity, None, reason=reason, runbook=RUNBOOK, **more)  # type: ignore[arg-type]
