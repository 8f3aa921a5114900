"""Alerts about inputs: one per kind for all partitions, which take the place of slices in other alerts.

They belong to the model '' that stands for all models, and are silenced, acknowledged and repeated like every alert.
"""

from collections.abc import Sequence

from operators.policy.rules import INPUT
from operators.release.alerts import Key
from operators.release.behind import left_behind
from operators.release.model import Model, PaneContext
from operators.rules.verdict import Verdict
from operators.window.series_index import SliceSeries, slice_text
from operators.wire.control import Affected, ControlEvent, Evidence, Notice

RUNBOOK = "infra/runbooks/input.md"


def heed(model: Model, at: PaneContext, notices: Sequence[Notice]) -> list[ControlEvent]:
    """Return the alerts on inputs of which much is late, refused or behind, and their ends: one event for each kind."""
    changed: dict[Key, list[Notice]] = {}
    behind = left_behind(model, [notice for notice in notices if notice.kind == "behind"])
    for notice in [*(notice for notice in notices if notice.kind != "behind"), *behind]:
        changed.setdefault((f"{INPUT}:{notice.kind}", ""), []).append(notice)
    return [event for key, some in changed.items() for event in _alerts(model, at, key, some)]


def fire(model: Model, at: PaneContext, key: Key) -> ControlEvent:
    """Write the event on all partitions that an alert is about, the worst first."""
    firing = model.alerts.firing[key]
    slices = _worst_first(list(firing.slices.values()))
    event = model.say(
        "alert",
        at,
        key[1],
        key[0],
        firing.severity,
        slices=slices,
        evidence=slices[0].evidence,
        reason=_reason(slices),
        runbook=RUNBOOK,
    )
    firing.record(event.id, event.silenced)
    return event


def _alerts(model: Model, at: PaneContext, key: Key, notices: Sequence[Notice]) -> list[ControlEvent]:
    newest = {notice.source: notice for notice in notices}  # The last notice of each counts.
    change = model.alerts.take(key, [_verdict(key[0], at, notice) for notice in newest.values()], "ticket")
    if change is None:
        return []
    state, slices = change
    if state == "firing":
        return [fire(model, at, key)]
    over = _worst_first(slices)
    reason = _reason(over)
    return [model.say("alert", at, key[1], key[0], "info", state="resolved", slices=over, reason=reason)]


def _verdict(rule: str, at: PaneContext, notice: Notice) -> Verdict:
    """Return a notice as a verdict, of which alerts are made."""
    return Verdict(
        rule=rule,
        series=SliceSeries("", "", slice_text([("source", notice.source)]), {"source": notice.source}),
        word="OK" if notice.severity is None else "BAD",
        pane=at.pane,
        evidence=Evidence(
            bad=notice.bad,
            n=notice.n,
            value=notice.bad / notice.n,
            threshold=notice.share_max,
            reason=notice.what,
        ),
        severity=notice.severity,
    )


def _worst_first(slices: Sequence[Affected]) -> tuple[Affected, ...]:
    return tuple(sorted(slices, key=lambda each: (-(each.evidence.value or 0.0), each.slice)))


def _reason(slices: Sequence[Affected]) -> str:
    return "; ".join(f"{each.slice}: {each.evidence.reason}" for each in slices)
