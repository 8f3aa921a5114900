"""`hold`: a candidate is not promoted."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="hold",
    says="{who} is not promoted, {by}",
    over="{who} is held back no longer",
    style="yellow",
    harm=True,
    begins="hold",
)
