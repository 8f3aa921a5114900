"""Control events made complete: what is known besides the proof, the runbook to open, and one sentence for all of it.

Like every control event they depend only on the model's state and the pane.
"""

from collections.abc import Mapping, Sequence

import msgspec

from operators.policy.policy import RUNBOOKS
from operators.policy.rules import INPUT
from operators.release.context import moved
from operators.release.lately import errors_of, findings_of, requests_of, seen_diff
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.sentence import sentence
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS
from operators.wire.fitting import fitted

# Runbook pages of alerts, by the first word of their `rule`.
ALERT_PAGES = {
    "commands": "commands.md",
    "release": "overrides.md",
    "override": "overrides.md",
    "traffic-split": "traffic-split.md",
    "limits": "limits.md",
    INPUT: "input.md",
}


def completed(
    model: Model, at: PaneContext, events: Sequence[ControlEvent], findings: Sequence[CanaryFinding] = ()
) -> list[ControlEvent]:
    """Return events with all that is known; `findings` are those of canary rules at the pane."""
    out = []
    for event in events:
        known = msgspec.structs.replace(event, runbook=_runbook(event, at), **_known(model, at, event, findings))
        out.append(fitted(msgspec.structs.replace(known, sentence=sentence(known))))
    return out


def _known(
    model: Model, at: PaneContext, event: ControlEvent, findings: Sequence[CanaryFinding]
) -> Mapping[str, object]:
    """Return what an event of harm shows besides its proof; nothing if the harm is over, or no rule found it."""
    release = model.releases.get(event.version)
    rules = {rule.name for rule in at.policy.rules}
    if not EVENT_KINDS[event.type].harm or event.state == "resolved" or event.rule not in rules:
        if release is None or event.type != "promote":
            return {}
        return {"diff": event.diff or seen_diff(model, release)}
    evidence = event.evidence
    beside = None if release is None or not release.baseline else release.baseline
    worst = event.slices[0].slice if event.slices else "*"
    ids = evidence.requests or requests_of(model, at, release, event.version, evidence.sli, worst)
    shown: dict[str, object] = {"requests": ids}
    if _counts_errors(at, event):
        shown["error_types"] = errors_of(model, at, event.version, beside)
    if release is not None and beside is not None:
        shown["findings"] = findings_of(release)
        shown["moved"] = moved(model, at, event, release, findings)
        shown["diff"] = event.diff or release.diff() or seen_diff(model, release)
    return shown


def _counts_errors(at: PaneContext, event: ControlEvent) -> bool:
    """Tell whether an event is about requests that failed, not about the content of answers."""
    others = {sli.name for sli in at.policy.slis if not sli.counts_errors}
    return event.evidence.sli not in others and event.evidence.measure is None


def _runbook(event: ControlEvent, at: PaneContext) -> str:
    """Return the runbook page of an event, under the policy's `runbook_base` unless a rule names a page of its own."""
    named = {rule.name: rule.runbook for rule in at.policy.rules}
    page = EVENT_KINDS[event.type].page or (
        ALERT_PAGES.get(event.rule.partition(":")[0]) if event.rule not in named else None
    )
    if EVENT_KINDS[event.type].page is not None and event.rule.startswith("commands:") and event.runbook:
        page = None  # Versions taken out by hand have a page of their own.
    path = f"{RUNBOOKS}/{page}" if page is not None else event.runbook or named.get(event.rule, "")
    if not path.startswith(f"{RUNBOOKS}/"):
        return path or f"{at.policy.runbook_base.rstrip('/')}/README.md"
    return at.policy.runbook_base.rstrip("/") + path.removeprefix(RUNBOOKS)
