"""`alert`: a rule fires on a version, or no longer does; or rollguard reports on itself."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="alert",
    says="Rule {rule} fires on {who}",
    over="Rule {rule} no longer fires on {who}",
    style="yellow",
    harm=True,
)
