"""Verdicts and control events as rows of their tables."""

from collections.abc import Sequence

import msgspec

from operators.evaluation_state import PaneOutcome
from operators.policy.policy import Policy
from operators.rows.drift import drift_rows
from operators.rules.verdict import Verdict
from operators.store.rows import Rows
from operators.window.series_index import series_columns
from operators.wire.control import ControlEvent

# Fields of a control event without a column of their name: `ts` is `at`; the signature belongs to the message.
NOT_STORED = ("ts", "key", "signature")


def outcome_rows(outcome: PaneOutcome, policy: Policy) -> list[Rows]:
    """Return the rows of the outcome of a closed pane."""
    rows = (
        _verdict_rows(outcome.verdicts, policy),
        _control_rows(outcome.events),
        *drift_rows(outcome.drift, policy.hash),
        *outcome.rows,
    )
    return [some for some in rows if len(some)]


def _verdict_rows(verdicts: Sequence[Verdict], policy: Policy) -> Rows:
    evidence = [verdict.evidence for verdict in verdicts]
    arms = [(each.candidate.good, each.candidate.bad) if each.candidate else (each.good, each.bad) for each in evidence]
    return Rows(
        table="verdict",
        columns={
            **series_columns([verdict.series for verdict in verdicts]),
            "rule": [verdict.rule for verdict in verdicts],
            "sli": [each.sli or "" for each in evidence],
            "at": [(verdict.pane + 1) * policy.pane_ms for verdict in verdicts],
            "verdict": [verdict.word for verdict in verdicts],
            "good": [good or 0 for good, _ in arms],
            "bad": [bad or 0 for _, bad in arms],
            "value": [each.value for each in evidence],
            "lower": [each.lower for each in evidence],
            "upper": [each.upper for each in evidence],
            "since": [each.since for each in evidence],
            "evidence": [_json(each) for each in evidence],
            "policy": [policy.hash for _ in verdicts],
            "ver": [1 for _ in verdicts],
        },
    )


def _control_rows(events: Sequence[ControlEvent]) -> Rows:
    return Rows(
        table="control",
        columns={
            "model": [event.model for event in events],
            "version": [event.version for event in events],
            "id": [event.id for event in events],
            "revision": [event.revision for event in events],
            "type": [event.type for event in events],
            "state": [event.state for event in events],
            "at": [event.ts for event in events],
            "pin": [event.pin or "" for event in events],
            "barred": [event.barred for event in events],
            "lifts": [None if event.lifts is None else int(event.lifts) for event in events],
            "weights": [_json(event.weights) for event in events],
            "rule": [event.rule for event in events],
            "severity": [event.severity for event in events],
            "reason": [event.reason for event in events],
            "slices": [_json(event.slices) for event in events],
            "slices_more": [event.slices_more for event in events],
            "evidence": [_json(event.evidence) for event in events],
            "diff": [_json(event.diff) for event in events],
            "diff_more": [event.diff_more for event in events],
            "runbook": [event.runbook for event in events],
            "policy": [event.policy for event in events],
            "silenced": [int(event.silenced) for event in events],
            "acked": [int(event.acked) for event in events],
            "onset": [event.onset for event in events],
            "detected": [event.detected for event in events],
            "applied": [event.applied for event in events],
            "recovered": [event.recovered for event in events],
            "incident": [event.incident for event in events],
            "update": [int(event.update) for event in events],
            "closes": [int(event.closes) for event in events],
            "sentence": [event.sentence for event in events],
            "error_types": [_json(event.error_types) for event in events],
            "requests": [event.requests for event in events],
            "findings": [_json(event.findings) for event in events],
            "moved": [event.moved for event in events],
            "ver": [event.revision for event in events],
        },
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
