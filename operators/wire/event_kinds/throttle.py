"""`throttle`: a version must get less traffic."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="throttle",
    says="{who} must get {less}, {by}",
    over="{who} may get its traffic again",
    style="yellow",
    harm=True,
    begins="hold",
)
