"""`alert`: a rule fires on a version, or fires no longer; or rollguard itself has something to say."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="alert",
    says="Rule {rule} fires on {who}",
    over="Rule {rule} no longer fires on {who}",
    style="yellow",
    harm=True,
)
