"""What is written of a judged request, as JSON: feedback with its context, and the judge's own work as an event."""

from hashlib import blake2b
from typing import Any

import msgspec

from operators.archive.redaction import redact
from operators.evaluate.golden import Doubt
from operators.evaluate.sampling import Drawn
from operators.evaluators.case import REASON_MAX, Judged, Score
from operators.evaluators.llm import Llm, cost_usd
from operators.policy.evaluators import AnswerEvaluator
from operators.wire.evaluator_models import evaluator_model
from operators.wire.events import NUMBER_MAX, Request, ms_of

GOLDEN = "golden"  # The flag of events that are golden cases, and the source of their labels.
PASS, FAIL = "pass", "fail"
MARGIN = 500  # Characters beyond what is kept, so that nothing is cut in two before it is redacted.


def judge_id(evaluator: AnswerEvaluator, log: str, position: int, item: int) -> str:
    """Return the id of a judge's event: the same whenever the same evaluator judges the same item of a log."""
    source = f"{evaluator.source}\0{log}\0{position}\0{item}".encode()
    return f"j-{blake2b(source, digest_size=12).hexdigest()}"


def feedback_of(
    request: Request, evaluator: AnswerEvaluator, score: Score, drawn: Drawn, doubt: Doubt, ts_ms: int
) -> bytes:
    """Return a score as feedback."""
    fields: dict[str, Any] = {
        "request_id": request.request_id,
        "ts": ts_ms,
        "kind": evaluator.feedback,
        "name": score.criterion,
        "value": score.value,
        "source": evaluator.source,
        "model": request.model,
        "version": request.version,
        "slices": request.slices or {},
        "request_ts": ms_of(request.ts),
        "sample": drawn.sample,
        "rate": drawn.rate,
    }
    if doubt:
        fields["standing"] = doubt
    if score.reason:
        fields["reason"] = cleaned_reason(score.reason)
    if request.mirrored:
        fields["mirrored"] = True
    return msgspec.json.encode(fields)


def cleaned_reason(reason: str) -> str:
    """Return a reason redacted and cut: it may quote an answer, or be the words of a model."""
    valid = reason[: REASON_MAX + MARGIN].encode("utf-8", "replace").decode()
    return redact(valid)[0][:REASON_MAX]


def event_of(evaluator: AnswerEvaluator, judged: Judged, name: str, request: Request | None, ts_ms: int) -> bytes:
    """Return a judgement, of a request or of a golden case, as an event."""
    fields: dict[str, Any] = {
        "request_id": name,
        "ts": ts_ms,
        "model": evaluator_model(evaluator.name),
        "version": evaluator.source,
        "latency_ms": judged.latency_ms,
        "metrics": {"calls": judged.calls},
    }
    if isinstance(evaluator, Llm):
        fields |= {"input_tokens": judged.input_tokens, "output_tokens": judged.output_tokens}
        fields["cost_usd"] = cost_usd(evaluator, judged.input_tokens, judged.output_tokens)
    if judged.fault:
        fields["error_type"] = judged.fault
    if judged.scores:
        mean = sum(score.value for score in judged.scores) / len(judged.scores)
        fields["score"] = min(max(mean, -NUMBER_MAX), NUMBER_MAX)
    if request is None:
        fields["flags"] = [GOLDEN]
    else:
        fields |= {"slices": request.slices or {}, "trace_id": request.request_id}
    return msgspec.json.encode(fields)


def label_of(evaluator: AnswerEvaluator, criterion: str, name: str, labelled: bool, judged: bool, ts_ms: int) -> bytes:
    """Return the label of a golden case for a judge's event: whether people and whether the judge pass it."""
    return msgspec.json.encode(
        {
            "request_id": name,
            "ts": ts_ms,
            "kind": "label",
            "name": criterion,
            "value": PASS if labelled else FAIL,
            "prediction": PASS if judged else FAIL,
            "source": GOLDEN,
            "model": evaluator_model(evaluator.name),
            "version": evaluator.source,
            "request_ts": ts_ms,
        }
    )
