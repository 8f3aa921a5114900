"""`recovered`: the harm that a version was taken out for is over."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="recovered",
    says="What {who} was withdrawn for is over",
    style="green",
    page="rollback.md",
    notice=True,
    ends=("withdrawal",),
)
