"""Three releases of two models, as rollguard would say them: what is asked of verdict and control is known from here.

`checkout` v2 is rolled back and its users recover; v3 is rolled back in vain. `search` v9 is killed and holds an alert
that somebody looks after. The rows are made by the same code that makes those of a run.
"""

from typing import Any

import msgspec

from flows import policy_files, settings
from operators.evaluation_state import PaneOutcome
from operators.rows.verdicts import outcome_rows
from operators.rules.verdict import Verdict
from operators.store.rows import Rows
from operators.window.series_index import SliceSeries
from operators.wire.control import Affected, Arm, ControlEvent, Evidence
from tests.integration.known_events import START_MS

MINUTE_MS = 60_000
PANE_MS = 10_000
SECOND = 1_000
POLICY = policy_files.load_policy(settings.Settings().policy)


def at(minute: float) -> int:
    return START_MS + int(minute * MINUTE_MS)


def evidence(bad: int, n: int, log_e: float) -> Evidence:
    """Of a candidate, beside a baseline with 100 bad events of 1,000."""
    return Evidence(
        sli="correct",
        candidate=Arm.of("v2", n - bad, bad),
        baseline=Arm.of("v1", 900, 100),
        value=bad / n - 0.1,
        lower=bad / n - 0.15,
        upper=bad / n - 0.05,
        confidence=0.975,
        threshold=0.0,
        log_e=log_e,
        detectable=0.02,
        since=at(10),
    )


EU = Affected(slice="region=eu", verdict="BAD", evidence=evidence(30, 100, 9.5))
ALL = Affected(slice="*", verdict="BAD", evidence=evidence(60, 300, 6.0))
SLOW = Affected(slice="region=us", verdict="BAD", evidence=Evidence(measure="latency_ms", value=900.0, n=50))


def _said(revision: int, kind: str, minute: float, model: str, version: str, **fields: Any) -> ControlEvent:
    defaults = {"rule": "canary", "severity": "info", "policy": "p", "runbook": "infra/runbooks/canary.md"}
    said = {"id": f"{model}-{revision}", "revision": revision, "type": kind, "ts": at(minute)}
    return msgspec.convert({**said, "model": model, "version": version, **defaults, **fields}, ControlEvent)


def _times(
    onset: float, detected: float, applied: float | None = None, recovered: float | None = None
) -> dict[str, Any]:
    times = {"onset": onset, "detected": detected, "applied": applied, "recovered": recovered}
    return {name: None if minute is None else at(minute) for name, minute in times.items()}


V2, V3, V9 = _times(10, 14, 14.5, 16), _times(40, 42, 43), _times(20, 22)
PAGE = {"severity": "page", "slices": (EU, ALL), "evidence": EU.evidence}
BURNT = {"rule": "availability-slo", "slices": (SLOW,), "evidence": SLOW.evidence}
DIFFERS = {"diff": {"prompt": ("a", "b")}, "diff_more": 3}
LEFT_OUT = {"barred": ("v2",), "slices_more": 7}  # Said by a worker that did not say whether it lifts a pin.
OUT = {"weights": {"v2": 0.0, "v3": 0.0}, **PAGE}
EVENTS = [
    _said(1, "alert", 12, "checkout", "v2", severity="page", slices=(EU,), evidence=EU.evidence),
    _said(2, "rollback", 14, "checkout", "v2", pin="v1", **DIFFERS, **LEFT_OUT, **PAGE, **_times(10, 14)),
    _said(3, "rollback_applied", 14.5, "checkout", "v2", pin="v1", **_times(10, 14, 14.5)),
    _said(4, "alert", 14.5, "checkout", "v2", pin="v1", state="resolved", slices=(EU,), reason="v2 serves no longer"),
    _said(5, "recovered", 16, "checkout", "v2", pin="v1", **V2),
    _said(6, "rollback", 42, "checkout", "v3", pin="v1", barred=("v2", "v3"), lifts=False, **OUT, **_times(40, 42)),
    _said(7, "rollback_applied", 43, "checkout", "v3", pin="v1", **V3),
    _said(8, "rollback_ineffective", 57, "checkout", "v3", pin="v1", severity="page", **V3),
    _said(9, "alert", 58, "checkout", "", rule="commands:bad_signature", severity="ticket", reason="refused"),
    _said(1, "alert", 19, "search", "v9", severity="ticket", **BURNT),
    _said(2, "kill", 22, "search", "v9", rule="availability-slo", slices=(ALL,), evidence=ALL.evidence, **V9),
    _said(3, "alert", 23, "search", "v9", severity="page", **BURNT),
    _said(4, "alert", 24, "search", "v9", **BURNT, acked=True, reason="acknowledged; command c1 by ann"),
    _said(5, "alert", 25, "search", "v8", rule="no-traffic", severity="ticket", silenced=True),
]


def _verdict(minute: float, text: str, word: str, evidence: Evidence) -> Verdict:
    dims = dict(part.split("=") for part in text.split(",")) if text != "*" else {}
    series = SliceSeries("checkout", "v2", text, dims)
    pane = at(minute) // PANE_MS - 1
    return msgspec.convert(
        {"rule": "canary", "series": series, "word": word, "pane": pane, "evidence": evidence}, Verdict
    )


VERDICTS = [
    _verdict(11, "*", "INSUFFICIENT", Evidence(sli="correct", detectable=0.3, decides_in=40.0, confidence=0.975)),
    _verdict(12, "region=eu", "BAD", EU.evidence),
    _verdict(14, "*", "BAD", ALL.evidence),
]


def control_rows() -> list[Rows]:
    """Return the rows of all of it, and some of it once more, as after a crash."""
    return outcome_rows(PaneOutcome(verdicts=VERDICTS, events=EVENTS), POLICY) + outcome_rows(
        PaneOutcome(verdicts=VERDICTS[1:], events=EVENTS[3:]), POLICY
    )
