"""`rollback_applied`: the traffic has left a version that was taken out."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="rollback_applied",
    says="The traffic has left {who}",
    style="green",
    page="rollback.md",
)
