"""`[otel]` of a policy: which attributes of OpenTelemetry's spans give which fields of an event or an evaluation.

The defaults are the GenAI semantic conventions, current names before those that they replaced. A name is looked up
among the attributes of the span (of the evaluation, of the log record), then of its resource; of several names the
first that is present counts. `span:id` stands for the ids of the trace and the span, `flag:KEY` for the variant of the
feature flag KEY that an event on the span says was evaluated.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.policy.errors import PolicyError
from operators.policy.reading import Name
from operators.wire.events import FeedbackKind

SPAN_ID = "span:id"

Attribute = Annotated[str, Meta(min_length=1, max_length=256)]
Attributes = tuple[Attribute, ...]


class Otel(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[otel]`: the attributes that each field is read from. `ttft_s` and `latency_s` are in seconds.

    A span is an inference if its `operation` is one of `operations`, or if it has none and names a GenAI model. Without
    `latency_s` the latency is the duration of the span. A slice dimension is read from the attribute of its name,
    unless `slices` names others. A span whose operation is one of `tool_operations` is a tool call of the request that
    made it. `kinds` maps the name of an evaluation to its kind of feedback, if that is not "judge".
    """

    operation: Attributes = ("gen_ai.operation.name",)
    operations: tuple[str, ...] = ("chat", "text_completion", "generate_content")
    request_id: Attributes = ("gen_ai.response.id", SPAN_ID)
    model: Attributes = ("gen_ai.request.model", "gen_ai.response.model", "service.name")
    version: Attributes = ("gen_ai.agent.version", "service.version")
    error_type: Attributes = ("error.type",)
    latency_s: Attributes = ()
    ttft_s: Attributes = ("gen_ai.response.time_to_first_chunk",)
    input_tokens: Attributes = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    output_tokens: Attributes = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
    cost_usd: Attributes = ()
    prediction: Attributes = ()
    score: Attributes = ()
    attempt: Attributes = ()
    mirrored: Attributes = ()
    flags: Attributes = ()
    finish_reason: Attributes = ("gen_ai.response.finish_reasons",)
    prompt_version: Attributes = ("gen_ai.prompt.version", "gen_ai.prompt.name")
    endpoint: Attributes = ("http.route", "server.address")
    team: Attributes = ()
    session_id: Attributes = ("gen_ai.conversation.id", "session.id")
    user_id: Attributes = ("user.id", "enduser.id")
    input: Attributes = ("gen_ai.input.messages", "gen_ai.prompt")
    output: Attributes = ("gen_ai.output.messages", "gen_ai.completion")
    retrieval: Attributes = ("gen_ai.retrieval.documents",)
    tool_operations: tuple[str, ...] = ("execute_tool",)
    tool_name: Attributes = ("gen_ai.tool.name",)
    slices: dict[Name, Attributes] = {}
    metrics: dict[Name, Attributes] = {}
    features: dict[Name, Attributes] = {}
    evaluation_name: Attributes = ("gen_ai.evaluation.name",)
    evaluation_value: Attributes = ("gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label")
    evaluation_source: Attributes = ("gen_ai.evaluation.source",)
    evaluation_reason: Attributes = ("gen_ai.evaluation.explanation",)
    kinds: dict[str, FeedbackKind] = {}


def checked_mapping(otel: Otel) -> Otel:
    """Return a mapping that makes sense; PolicyError names the first thing that does not."""
    for field in ("request_id", "model", "version", "operation", "evaluation_value"):
        if not getattr(otel, field):
            raise PolicyError(f"otel.{field}", [], "must name an attribute: without it nothing can be read")
    for field in Otel.__struct_fields__:
        value = getattr(otel, field)
        named = value if isinstance(value, tuple) else ()
        if SPAN_ID in named and field != "request_id":
            raise PolicyError(f"otel.{field}", SPAN_ID, "is an id of a request alone")
    return otel
