"""`otlp`: batches of OpenTelemetry's spans and log records, as a collector writes them to Kafka and to files.

The decoder is imported only when it is needed: the protobuf runtime slows the start of every program.
"""

from collections.abc import Sequence

from operators.ingest.formats.format import InputFormat, ItemDecoder, Stream
from operators.policy.policy import Policy


def _decoder(streams: Sequence[Stream], policy: Policy, *, logged: bool = False) -> ItemDecoder:
    from operators.ingest.formats.otlp.decoder import OtlpDecoder  # noqa: PLC0415

    return OtlpDecoder(streams, policy, logged=logged)


def carries(stream: Stream) -> tuple[Stream, ...]:
    """Return the streams an input may hold: one of events has spans and their evaluations, one of feedback evaluations.

    So a collector may send traces to one topic and logs to another, or both to one.
    """
    return ("events", "feedback") if stream == "events" else (stream,)


FORMAT = InputFormat(
    name="otlp",
    decoder=lambda stream, policy: _decoder(carries(stream), policy),
    carries=carries,
    requests=lambda policy: _decoder(("events",), policy, logged=True),
    binary=True,
)
