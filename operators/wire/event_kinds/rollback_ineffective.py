"""`rollback_ineffective`: taking a version out has not helped, or it is not known whether it has."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="rollback_ineffective",
    says="Withdrawing {who} has not helped",
    style="bold red",
    page="rollback.md",
    harm=True,
    begins="withdrawal",
)
