"""The tools that a request called: spans of their own in the same batch, read for the request log alone.

A tool belongs to the inference that its span is under; otherwise to the one that last began before it under the same
parent, as agents have model calls and the tools these asked for side by side. Where there is neither, the same is tried
one span higher. Spans of other batches are not looked for, as an item depends on its message alone.
"""

from bisect import bisect_right
from collections.abc import Sequence

from operators.ingest.formats.otlp.mapping import OtelMapping
from operators.ingest.formats.otlp.record import Record

ASCENT_MAX = 16  # Levels between a tool and its caller, so that no batch of nested spans takes long.

Key = tuple[str, str]  # The ids of a trace and of a span in it.


def with_tools(records: Sequence[Record], mapping: OtelMapping) -> Sequence[Record]:
    """Return the same records; inferences among them have the tools they called, ordered by start."""
    spans = {_key(each): each for each in reversed(records) if each.on is None and not each.is_log}
    tools = [each for each in spans.values() if mapping.is_tool(each)]
    if tools:
        callers = _Callers(spans, mapping)
        for tool in sorted(tools, key=lambda each: (each.start_ns, each.span_id)):
            caller = callers.of(tool)
            if caller is not None:
                if caller.tools is None:
                    caller.tools = []
                caller.tools.append(mapping.tool(tool))
    return records


def _key(span: Record) -> Key:
    return span.trace_id, span.span_id


class _Callers:
    """Finds the caller of a tool among the spans of a batch; if a span occurs twice, the first counts."""

    def __init__(self, spans: dict[Key, Record], mapping: OtelMapping) -> None:
        self._spans = spans
        self._inferences = {key: span for key, span in spans.items() if mapping.is_inference(span)}
        self._under: dict[Key, list[Record]] = {}  # By parent, ordered by start.
        for span in sorted(self._inferences.values(), key=lambda each: (each.start_ns, each.span_id)):
            if span.start_ns and span.parent_id:
                self._under.setdefault((span.trace_id, span.parent_id), []).append(span)

    def of(self, tool: Record) -> Record | None:
        span: Record | None = tool
        for _ in range(ASCENT_MAX):
            if span is None or not span.parent_id:
                return None
            above = span.trace_id, span.parent_id
            if above in self._inferences:
                return self._inferences[above]
            beside = self._under.get(above, [])
            before = bisect_right(beside, tool.start_ns, key=lambda each: each.start_ns)
            if before:
                return beside[before - 1]
            span = self._spans.get(above)
        return None
