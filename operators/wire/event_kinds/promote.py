"""`promote`: a candidate has passed."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="promote",
    says="{who} has passed and may serve {share}",
    style="green",
    notice=True,
    ends=("hold", "withdrawal"),
)
