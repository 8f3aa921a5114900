"""Attributes to fields by the policy's `[otel]`: those of an event, and of feedback, as in a native message.

The result is checked like a native message, so that limits, and the cost of a fault, are the same.
"""

from collections.abc import Mapping

import msgspec

from operators.ingest.formats.otlp.record import Record
from operators.ingest.formats.otlp.shared import UNREADABLE, shared
from operators.ingest.own_dimensions import OWN
from operators.policy.otel import SPAN_ID, Attributes, Otel
from operators.texts import cut
from operators.wire.events import TEXT_MAX

NS_OF_MS = 1_000_000
MODELS = ("gen_ai.request.model", "gen_ai.response.model")  # Either makes a span without an operation an inference.
OTHER_ERROR = "_OTHER"  # The conventions' name for a failure without a type.
PLAIN = (
    "model", "version", "error_type", "input_tokens", "output_tokens", "cost_usd", "prediction", "score", "attempt",
    "mirrored", "session_id", "user_id",
)  # fmt: skip
LOGGED = ("prompt_version", "endpoint", "team", "finish_reason", "retrieval")  # Only for the request log.
CONTENT = ("input", "output")
SECONDS = (("latency_s", "latency_ms"), ("ttft_s", "ttft_ms"))
CONTEXT = ("model", "version", "slices", "prediction", "score", "mirrored")  # Of feedback.

Fields = dict[str, object]
Plan = tuple[tuple[str, Attributes], ...]


class OtelMapping:
    """Reads records; with `logged`, also what the monitor does not need."""

    def __init__(self, otel: Otel, dimensions: tuple[str, ...], *, logged: bool) -> None:
        self._otel = otel
        self._plain = _plan({field: getattr(otel, field) for field in PLAIN + (LOGGED if logged else ())})
        self._content = _plan({field: getattr(otel, field) for field in CONTENT if logged})
        self._seconds = _plan({field: getattr(otel, key) for key, field in SECONDS})
        usual = {name: (name, *getattr(otel, name)) for name in OWN}
        slices = {name: otel.slices.get(name, usual.get(name, (name,))) for name in (*dimensions, *otel.slices)}
        tables = {"slices": slices, "metrics": otel.metrics, "features": otel.features}
        self._tables = tuple((field, _plan(table)) for field, table in tables.items() if table)
        self._logged = logged

    def is_inference(self, record: Record) -> bool:
        """Tell whether a span is a call of a model."""
        operation = record.get(self._otel.operation)
        if operation is not None:
            return operation in self._otel.operations
        return any(name in record.attributes for name in MODELS)

    def operation_of(self, record: Record) -> str:
        """Return the name by which a skipped span is reported."""
        operation = record.get(self._otel.operation)
        names = " or ".join(self._otel.operation)
        named = cut(operation, TEXT_MAX) if isinstance(operation, str) else "something else than text"
        return f"spans without {names}" if operation is None else f"spans whose {names} is {named}"

    def is_tool(self, record: Record) -> bool:
        """Tell whether a span is a tool call that is not itself counted as an event."""
        operation = record.get(self._otel.operation)
        return operation in self._otel.tool_operations and operation not in self._otel.operations

    def tool(self, span: Record) -> Fields:
        """Return the fields of a tool call in the request log."""
        fields: Fields = {"ok": not span.failed and span.get(self._otel.error_type) is None}
        if (name := span.get(self._otel.tool_name)) is not None:
            fields["name"] = name
        if 0 < span.start_ns <= span.end_ns:
            fields["latency_ms"] = (span.end_ns - span.start_ns) / NS_OF_MS
        return fields

    def event(self, span: Record) -> Fields:
        """Return the fields of an event."""
        fields = _read(span, self._plain)
        if span.end_ns:
            fields["ts"] = span.end_ns // NS_OF_MS
            if span.start_ns:  # If a span ends before it begins, this is refused like any latency below zero.
                fields["latency_ms"] = (span.end_ns - span.start_ns) / NS_OF_MS
        for field, seconds in _read(span, self._seconds).items():
            fields[field] = _ms(seconds)
        request_id = self._request_id(span)
        if request_id is not None:
            fields["request_id"] = request_id
        if span.failed:
            fields.setdefault("error_type", OTHER_ERROR)
        for table, plan in self._tables:
            if found := _read(span, plan):
                fields[table] = found
        if self._otel.flags and (flags := span.get(self._otel.flags)) is not None:
            fields["flags"] = [flags] if isinstance(flags, str) else flags
        if self._logged:
            self._log(span, fields)
        return fields

    def _log(self, span: Record, fields: Fields) -> None:
        fields["trace_id"] = span.trace_id
        reasons = fields.get("finish_reason")
        if isinstance(reasons, list):
            fields["finish_reason"] = reasons[0] if reasons else None
        for field, found in _read(span, self._content).items():
            fields[field] = msgspec.Raw(msgspec.json.encode(found))
        if span.tools:
            fields["tools"] = span.tools
        if isinstance(documents := fields.get("retrieval"), str):
            fields["retrieval"] = _json(documents)

    def _request_id(self, record: Record) -> object:
        names = self._otel.request_id
        at = names.index(SPAN_ID) if SPAN_ID in names else len(names)
        found = record.get(names[:at])
        if found is None and at < len(names) and record.trace_id and record.span_id:
            return f"{record.trace_id}-{record.span_id}"
        return record.get(names[at + 1 :]) if found is None else found

    def feedback(self, record: Record) -> Fields:
        """Return the fields of feedback; its context is that of its span, or for a log record its own."""
        otel = self._otel
        fields = self._of(self.event(record)) if record.on is None else self._lent(record.on)
        value = record.get(otel.evaluation_value)
        name = record.get(otel.evaluation_name)
        found = {
            "request_id": self._request_id(record),
            "ts": record.end_ns // NS_OF_MS or None,
            "kind": otel.kinds.get(name, "judge") if isinstance(name, str) else "judge",
            "name": name,
            "value": value if record.on is None else shared(value),  # Cut like the prediction that it is compared with.
            "source": record.get(otel.evaluation_source),
            "reason": record.get(otel.evaluation_reason),
        }
        return fields | {field: value for field, value in found.items() if value is not None}

    def _lent(self, span: Record) -> Fields:
        """Return the fields of a span for the evaluations on it: read once, and cut."""
        if span.context is None:
            event = self.event(span)
            span.context = {name: shared(value) for name, value in self._of(event).items()}
            if isinstance(slices := event.get("slices"), dict):
                span.context["slices"] = {name: shared(value) for name, value in slices.items()}
            if "ts" in event:
                span.context["request_ts"] = event["ts"]
        return span.context

    def _of(self, event: Fields) -> Fields:
        return {name: event[name] for name in CONTEXT if name in event}

    def sought(self, detail: str) -> str:
        """Return the places where the field that `detail` calls missing was looked for."""
        field = detail.partition("field `")[2].partition("`")[0]
        if field == "ts":
            return "there is no time"
        names = getattr(self._otel, "evaluation_value" if field == "value" else field, ())
        return f"[otel] has it from {', '.join(names)}"


def _plan(named: Mapping[str, Attributes]) -> Plan:
    return tuple((field, names) for field, names in named.items() if names)


def _read(record: Record, plan: Plan) -> Fields:
    """Return the fields that have one of their names: as `Record.get`, for many fields at a third of the cost."""
    attributes, around, value = record.attributes, record.around, record.value
    fields: Fields = {}
    for field, names in plan:
        for name in names:
            if name in attributes:
                found = value(attributes[name])
            elif name in around:
                found = around[name]
            else:
                continue
            if found is not None:
                fields[field] = found
                break
    return fields


def _ms(seconds: object) -> object:
    found = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return float(seconds) * 1_000 if found else seconds  # type: ignore[arg-type]


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return UNREADABLE
